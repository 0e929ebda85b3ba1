"""From tidy frames to answers: `gather` averages a stored study's traces into tables (`frames`).

`grid`, `contrasts` and `attribution` define contrasts over the grid; `statements` says what each
kind of claim states, `evidence` how it is tested, `verdicts` judges them; `stages` says which runs
the declared looks of a study need; `integrity` audits the runs first; `export` writes them for
other programs.
Names, labels and units come from the study's subject.
May import: `errors`, `files`, `subjects`, `study`; neither torch, numba nor MLflow.
"""
