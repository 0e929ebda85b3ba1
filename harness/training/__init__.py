"""The trainer: trains one stack and yields records and results, independent of the engine.

`trainer.py` runs the training loop; `schedule.py` says at which steps it measures, `minibatches.py`
which examples each step uses; `records.py` is what it yields; `verify.py` trains runs again and
compares, `published.py` those of a published study, by their `digests.py`. May import: `errors`,
`files`, `subjects`, `study`. It knows no network and no store.
"""
