"""The trainer: a stack of runs in, records and results out, whatever runs it and wherever.

`trainer.py` takes the steps; `schedule.py` says when it measures, `minibatches.py` what each step
sees; `records.py` is what it yields; `verify.py` trains runs again and compares.
May import: `study`, `subjects`. Nothing here knows a network, an engine or a store.
"""
