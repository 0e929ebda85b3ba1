"""What the harness keeps in MLflow, and the only place that imports it.

The data model, exactly:

- One **experiment** per study, named as the study. Tags: `ablate.schema`, `question`, the note,
  `mlflow.experimentKind` and the primary metric. Artifacts of a local store lie in `mlartifacts/`
  beside the database.
- One **parent run** per making of the study, that is per (study, steps, data): a quick look with
  `--steps 300` stands beside the full study and does not mix with it, while more seeds or another
  level join it. It holds `study.json` (the study as resolved, seeds of all sessions, facts of the
  data), `report/`, and tags: `progress`, `session` (who writes it now), `claims_digest` and
  `first_seeds` (as they were when it was made). RUNNING means: a session is at work.
- One **child run** per run. Its identity is the tag `run_key`; what lacks `ablate.schema` is not
  ours and never counts. Params: every field and the seed. Tags: `variant`, `outcome` (running,
  interrupted, failed, finished, diverged), `data`, `data_digest`, `minibatches`, `trainer`,
  `claims_digest`, `device`, `versions`, `seconds`, `session`, and of a diverged one `diverged_step`
  and `diverged_cause`. A diverged run is FINISHED, because it is a complete observation that is
  never trained again; MLflow's red FAILED means here that a run crashed and is to be tried again.
  KILLED means: to be continued.
- Metrics: the curves of `harness.curves.CURVES`, and the responses at step 0. A point's time is the
  run's start + its step in ms, so that logging it again adds nothing.
- Artifacts of a child: `trace.parquet` (everything measured), `model/weights.safetensors` with
  `model/config.json`, `samples.txt`.
- Once all runs of a session have ended, the best one (lowest dev loss, or the primary response
  where low is good and it is not of the test split; of the longest making on those data) has a
  **logged model**: an MLflow pyfunc with its weights, config and the network's code. It is a
  version of the **registered model** named as the study, under the alias `best`.

A child is complete when it is FINISHED with an outcome; that is written last. Of complete
duplicates (two machines, one server) the oldest counts.
"""

from harness.tracking import environment as environment  # before any import of MLflow
