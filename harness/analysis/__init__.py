"""From tidy frames to answers: `gather` averages a stored study's traces into tables (`frames`).

`grid`, `contrasts` and `attribution` define contrasts over the grid; `statements` says what each
kind of claim states, `evidence` has the values that it is judged by, `one_sided` the tests,
`verdicts` judges it; `stages` says which runs the declared looks of a study need; `integrity`
audits the runs first; `export` writes them for other programs.
Names, labels and units come from the study's subject.
May import: `errors`, `files`, `subjects`, `study`; neither torch, numba nor MLflow.
"""
