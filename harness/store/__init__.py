"""Writes a study's runs to MLflow and reads them back; only this package imports MLflow.

`store.py` is the store of a command, `tracker.py` the one writer of a study's runs: `schema.py`
maps a run to tags, params and metrics, `artifacts.py` to files, `presentation.py` to names and
notes. `delivery.py` and `workspace.py` keep results on disk until the store has them, `reading.py`
and `stored.py` read back, also where files or tags were lost (`identity.py`); `digest.py` tells
whether a run was changed, and `doctor.py` looks for what does not fit together. `selection.py`
chooses the runs that a command is about, `remarks.py` says what else there is, and `naming.py`
names what differs from a study's file. `takeover.py` takes runs from other studies of the store,
`merge.py` from another store. `uri.py` and `database.py` find and check the store, `failures.py`
says what MLflow's failures come down to, `location.py` finds artifacts beside a database, wherever
it was moved, and `fetch.py` the files of a run. May import: errors, files, subjects, study,
training, engines. `rows.py` reads a SQLite store without MLflow, which takes seconds to load: only
what writes, or talks to a server, loads it.

The data model, exactly:

- One **experiment** per study, with the study's name. Tags: `ablate.schema`, `question`, the note,
  `mlflow.experimentKind` and the primary metric. Artifacts of a local store lie in `mlartifacts/`
  beside the database.
- One **parent run** per study, number of steps, and data. Runs with `--steps 300` thus do not mix
  with the full study, while more seeds or another level join it. The parent run holds `study.json`
  (the resolved study, the seeds of all sessions with these variants, facts about the data),
  `report/`, and the tags `progress`, `session` (who is writing it), `claims_digest` and
  `first_seeds` (both from the first session). RUNNING means that a session is at work.
- One **child run** per run. The tag `run_key` identifies it; runs without the tag `ablate.schema`
  are not the harness's and never count. Params: every field and the seed. Tags: `variant`,
  `outcome` (running, interrupted, failed, finished, diverged), `data`, `data_digest`,
  `minibatches`, `subject`, `version` (of the subject), `claims_digest`, `device`, `versions`,
  `seconds`, `session`, and for a diverged run `diverged_step` and `diverged_cause`. `files` has a
  digest of each file, and `digest` one of the params, the responses and the tags that matter, taken
  when the run ended. A diverged run is FINISHED, because it is a complete observation that is never
  trained again. FAILED means that the run crashed and will be tried again, KILLED that it will be
  continued. Start and end times are those of the training.
- Metrics: the subject's curves, and its responses at step 0. The timestamp of a point is the run's
  start plus its step in ms, so that logging it again adds nothing.
- Artifacts of a child: `trace.parquet` (everything measured: series, step, layer, name, bin,
  value), `model/config.json` (what defines the run), and the subject's own files, of `char_mlp`
  `model/weights.safetensors` and `samples.txt`.
- When all runs of a session have ended, the best run gets a **logged model**: an MLflow pyfunc with
  the run's artifacts and the harness's code. It writes samples if the subject does; for any other
  PyTorch model it computes outputs; a training loop has none. The best run is the one with the best
  primary response of the study, or of the subject if the study's may not select (such as a response
  on the test split). Runs with fewer steps than others count only if the study varies `steps`. The
  model is a version of the **registered model** with the study's name, under the alias `best`. Its
  signature describes its input and output: sampling parameters and texts, or the types and shapes
  of your model's tensors.

A child run is complete when it is FINISHED with an outcome, which is written last. If two machines
write the same run to one server, the oldest complete one counts. Tags that were deleted by hand are
restored from other data if possible. If a run's values do not match its `digest`, no contrasts are
computed.
"""

from harness.store import environment as environment  # before any import of MLflow
