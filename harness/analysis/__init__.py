"""From tidy frames to answers: `gather` averages a stored study's traces into tables (`frames`).

`grid`, `contrasts` and `attribution` define contrasts over the grid; `halves` turns each kind of
claim into one-sided tests, `verdicts` judges them. `bottom_line` writes the sentences at the top of
the report; `integrity` audits the runs first; `export` writes them for other programs.
Names, labels and units come from the study's subject.
May import: `errors`, `files`, `subjects`, `study`; neither torch, numba nor MLflow.
"""
