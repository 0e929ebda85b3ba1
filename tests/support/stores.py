"""A small study with made-up results, and a picture of all that a store holds of it."""

import hashlib
import shutil
import sqlite3
import tempfile
import tomllib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from click.testing import CliRunner
from mlflow import MlflowClient
from mlflow.experiments import commands
from safetensors.numpy import save

from harness.store.store import Store
from harness.store.tracker import Tracker
from harness.study.plan import Run, expand
from harness.study.study import Study
from harness.training.records import Record, Result
from tests.support.made_up import made_up_trace

Fill = Callable[[str], None]  # fills the store at a URI
Filled = Callable[[Fill], str]  # gives the URI of the test's store, filled so
FACTS: dict[str, str | float] = {
    "name": "tiny",
    "digest": "d" * 64,
    "source": "written in the tests",
    "alphabet": ".abc",
    "vocabulary": 4,
    "entropy/unigram": 1.2,
}
STUDY = """
question = "Is <b>this</b> any good?"
seeds = 2
[fixed]
steps = 50
depth = 2
width = 8
[factors]
norm = ["none", "batch"]
residual = [false, true]
[baseline]
norm = "batch"
residual = false
"""
SESSION_TAGS = ("session", "mlflow.parentRunId", "seconds", "mlflow.source.git.commit")


def study(**changes: Any) -> Study:
    return Study.model_validate({**tomllib.loads(STUDY), "name": "small", **changes})


def grid(asked: Study) -> list[Run]:
    return expand(asked, str(FACTS["digest"]))


def result(run: Run, stop: float = 1.0) -> Result:
    """A made-up result; of a run that diverges after that share of the steps."""
    rng = np.random.default_rng(run.seed)
    weights = {"output.linear.weight": rng.standard_normal((8, 4)).astype(np.float32)}
    facts: dict[str, str | int | float] = {"minibatches": f"order {run.seed}", "seconds": 1.5}
    if stop < 1:
        facts |= {"diverged_step": 25, "diverged_cause": "loss"}
    return Result(
        key=run.key,
        outcome="finished" if stop == 1 else "diverged",
        trace=made_up_trace(run, stop),
        files={
            "model/weights.safetensors": save(weights),
            "samples.txt": b"abba\ncab\n" if stop == 1 else b"",
        },
        facts=facts,
    )


def records(ended: Result) -> list[Record]:
    """The records of a result, in the order in which they come while it trains."""
    by_step: dict[int, dict[str, float]] = {}
    for name, step, value in ended.trace.curves():
        by_step.setdefault(step, {})[name] = value
    return [Record(ended.key, step, values) for step, values in sorted(by_step.items())]


def tracker(uri: str, asked: Study | None = None, session: str = "one") -> Tracker:
    asked = asked or study()
    return Tracker.open(Store.open(uri), asked, FACTS, grid(asked), session)


def write_live(tracked: Tracker, ended: Result, share: float = 1.0) -> None:
    """Write the first records of a result, as they come while it trains."""
    made = records(ended)
    tracked._live[ended.key] = 0.0  # it has been in training for long enough
    for record in made[: round(share * len(made))]:
        tracked.write(record)


def undisturbed(uri: str) -> None:
    """Store the whole study."""
    with tracker(uri) as tracked:
        for run in grid(study()):
            tracked.deliver(result(run))


def copy_store(made: Path, to: Path) -> None:
    """Copy a folder with a store, as if the copy had been made where it is."""
    shutil.copytree(made, to, dirs_exist_ok=True)
    with closing(sqlite3.connect(to / "mlflow.db")) as database, database:
        tables = database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
        for (table,) in tables:
            for _, column, kind, *_ in database.execute(f"PRAGMA table_info({table})").fetchall():
                if kind.startswith(("VARCHAR", "TEXT")):
                    database.execute(
                        f"UPDATE {table} SET {column} = replace({column}, ?, ?) "  # noqa: S608
                        f"WHERE instr({column}, ?)",
                        (made.as_uri(), to.as_uri(), made.as_uri()),
                    )


def children(uri: str, name: str = "small") -> list[Any]:
    query = "tags.`ablate.kind` = 'run'"
    return list(MlflowClient(uri).search_runs([experiment_id(uri, name)], query))


def experiment_id(uri: str, name: str = "small") -> str:
    experiment = MlflowClient(uri).get_experiment_by_name(name)
    assert experiment is not None
    return str(experiment.experiment_id)


def mlflow_experiments(uri: str, *arguments: str) -> None:
    """Run a command that a remedy names: `mlflow experiments …`."""
    done = CliRunner().invoke(commands, arguments, env={"MLFLOW_TRACKING_URI": uri})
    assert done.exit_code == 0, done.output


def picture(uri: str, name: str = "small") -> dict[str, Any]:
    """Everything that the store holds of a study's runs, but ids, wall times and sessions."""
    client = MlflowClient(uri)
    runs = client.search_runs([experiment_id(uri, name)])
    assert len({run.data.tags["run_key"] for run in runs}) == len(runs)
    return {run.data.tags["run_key"]: _run_picture(client, run) for run in runs}


def _run_picture(client: MlflowClient, run: Any) -> dict[str, Any]:
    start = run.info.start_time
    return {
        "name": run.info.run_name,
        "status": run.info.status,
        "params": run.data.params,
        "tags": {k: v for k, v in run.data.tags.items() if k not in SESSION_TAGS},
        "metrics": {
            metric: [
                (point.timestamp - start, point.step, point.value)
                for point in client.get_metric_history(run.info.run_id, metric)
            ]
            for metric in sorted(run.data.metrics)
        },
        "latest": run.data.metrics,
        "data": [(d.dataset.name, d.dataset.digest) for d in run.inputs.dataset_inputs],
        "artifacts": _artifacts(client, run.info.run_id),
    }


def _artifacts(client: MlflowClient, run_id: str) -> dict[str, str]:
    """Every file of a run with its digest, wherever the store keeps it."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(client.download_artifacts(run_id, "", scratch))
        return {
            str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }
