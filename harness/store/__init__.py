"""Writes a study's runs to MLflow and reads them back; only this package imports MLflow.

`store.py` is the store of a command, `tracker.py` the one writer of a study's runs: `schema.py`
maps a run to tags, params and metrics, `artifacts.py` to files, `presentation.py` to names and
notes. `delivery.py` and `workspace.py` keep results on disk until the store has them, `reading.py`
and `stored.py` read back, also where files or tags were lost (`identity.py`); `digest.py` tells
whether a run was changed, and `doctor.py` looks for what does not fit together. `takeover.py` takes
runs from other studies of the store, `merge.py` from another store. `uri.py` and
`database.py` find and check the store, `location.py` finds artifacts beside a database, wherever it
was moved, and `fetch.py` the files of a run. May import: errors, files, subjects, study, training,
engines. `rows.py` reads a SQLite store without MLflow, which takes seconds to load: only what
writes, or talks to a server, loads it.

The data model, exactly:

- One **experiment** per study, named as the study. Tags: `ablate.schema`, `question`, the note,
  `mlflow.experimentKind` and the primary metric. Artifacts of a local store lie in `mlartifacts/`
  beside the database.
- One **parent run** per study, number of steps, and data: a quick look with `--steps 300` stands
  beside the full study and does not mix with it, while more seeds or another level join it. It
  holds `study.json` (the study as resolved, the seeds of all sessions with these variants, facts of
  the data), `report/`, and tags: `progress`, `session` (who writes it now), `claims_digest` and
  `first_seeds` (as they were at first). RUNNING means: a session is at work.
- One **child run** per run. Its identity is the tag `run_key`; a run without `ablate.schema` is
  not the harness's and never counts. Params: every field and the seed. Tags: `variant`, `outcome`
  (running, interrupted, failed, finished, diverged), `data`, `data_digest`, `minibatches`,
  `subject`, `version` (of the subject), `claims_digest`, `device`, `versions`, `seconds`,
  `session`, and of a diverged one `diverged_step` and `diverged_cause`. `files` has a digest of
  each file, and `digest` one of params, responses and the tags that decide, as they were at the
  end. A diverged run is FINISHED, because it is a complete observation that is never trained again;
  MLflow's red FAILED means here that a run crashed and will be tried again. KILLED means: to be
  continued. Start and end are those of its training.
- Metrics: the subject's curves, and its responses at step 0. A point's time is the run's start +
  its step in ms, so that logging it again adds nothing.
- Artifacts of a child: `trace.parquet` (everything measured: series, step, layer, name, bin,
  value), `model/config.json` (what defines the run), and the subject's own files, of `char_mlp`
  `model/weights.safetensors` and `samples.txt`.
- Once all runs of a session have ended, the best one has a **logged model**, if its subject writes
  samples: an MLflow pyfunc with the run's artifacts and the harness's code. Best is the run that
  leads in the study's primary response, or in the subject's where that one may not select (as on
  the test split); of runs of several lengths, the longest count. The model is a version of the
  **registered model** named as the study, under the alias `best`.

A child is complete when it is FINISHED with an outcome; that is written last. Of complete
duplicates (two machines, one server) the oldest counts. Tags that were deleted by hand are derived
from the rest where that is possible; a run whose values do not fit its `digest` refuses contrasts.
"""

from harness.store import environment as environment  # before any import of MLflow
