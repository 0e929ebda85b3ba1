"""From tidy frames to answers: `gather` averages a stored study's traces into tables (`frames`).

Contrasts over its grid (`grid`, `contrasts`, `attribution`) give effects, verdicts on claims,
checked predictions and the bottom line; `integrity` audits the runs first; `export` writes them.
Every function maps frames to frames; names, labels and units come from the study's subject.
May import: `errors`, `files`, `subjects`, `study`; neither torch, numba nor MLflow.
"""
