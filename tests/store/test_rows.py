"""What is read of a SQLite store without MLflow is what MLflow itself reads."""

import sqlite3
from contextlib import closing
from pathlib import Path

from mlflow import MlflowClient

from harness.store import rows
from harness.store.rows import Experiment, Run
from harness.store.store import Store
from tests.support.stores import children, experiment_id, undisturbed


def test_runs_and_experiments_are_those_that_mlflow_finds(uri: str, tmp_path: Path) -> None:
    undisturbed(uri)
    client, database = MlflowClient(uri), tmp_path / "mlflow.db"
    odd = client.create_run(experiment_id(uri), tags={"empty": ""})
    for value in (float("nan"), float("inf"), 1e-300):
        client.log_metric(odd.info.run_id, f"of {value}", value)
    client.log_param(odd.info.run_id, "empty", "")
    with closing(sqlite3.connect(database)) as opened, opened:  # its tag still has the name
        opened.execute("UPDATE runs SET name = '' WHERE run_uuid = ?", (odd.info.run_id,))
    client.delete_run(children(uri)[0].info.run_id)
    client.delete_experiment(client.create_experiment("gone"))
    found = client.search_runs([experiment_id(uri)])
    # as text, since NaN is not equal to itself
    theirs = {run.info.run_id: str(ordered(Run.of(run))) for run in found}
    ours = {run.info.run_id: str(ordered(run)) for run in rows.runs(database, experiment_id(uri))}
    assert ours == theirs
    assert len(ours) == 9
    active = [one for one in rows.experiments(database) if one.lifecycle_stage == "active"]
    assert [one.lifecycle_stage for one in rows.experiments(database)].count("deleted") == 1
    assert {one.name: one for one in active} == {
        one.name: Experiment.of(one) for one in client.search_experiments()
    }
    assert "client" not in vars(Store.existing(uri))


def ordered(run: Run) -> tuple[object, ...]:
    """All of a run, what was logged in order of its keys."""
    data = run.data
    return run.info, *(sorted(part.items()) for part in (data.params, data.tags, data.metrics))
