"""What it costs to log core: python -m tests.services.cost

Times the tracker, and side by side what MLflow's own client takes for the same points, params,
tags and artifacts: on SQLite, and on a server over HTTP. Prints seconds for 120 runs.
"""

import tempfile
import time
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Metric, RunTag

from harness.plan import Run
from harness.records import Result
from harness.study import load_study
from harness.tracking.database import create
from harness.tracking.schema import metrics, params, points, write_artifacts
from harness.tracking.tracker import Tracker
from tests.services.servers import mlflow_server
from tests.tracking.small import CORPUS, grid, result

Pairs = list[tuple[Run, Result]]


def by_tracker(uri: str, made: Pairs) -> float:
    """Seconds that the tracker takes."""
    core = load_study("core")
    start = time.monotonic()
    with Tracker.open(uri, core, CORPUS, runs=grid(core), session="one") as tracked:
        for _, ended in made:
            tracked.deliver(ended)
    return time.monotonic() - start


def by_client(uri: str, made: Pairs, location: str | None) -> float:
    """Seconds that MLflow's client takes, with the fewest calls that do it."""
    client, start = MlflowClient(uri), time.monotonic()
    experiment = client.create_experiment("bare", location)
    for planned, ended in made:
        run_id = client.create_run(experiment, run_name=planned.variant).info.run_id
        logged: list[Metric] = metrics(points(ended.history), 0)
        tags = [RunTag(f"tag{i}", planned.variant) for i in range(20)]
        client.log_batch(run_id, logged, params(planned), tags)
        with tempfile.TemporaryDirectory() as folder:
            write_artifacts(Path(folder), planned, ended, CORPUS)
            client.log_artifacts(run_id, folder)
        client.set_terminated(run_id)
    return time.monotonic() - start


def main() -> None:
    """Print both, for both stores."""
    made = [(run, result(run)) for run in grid(load_study("core"))]
    for kind in ("SQLite", "HTTP"):
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            create(folder / "mlflow.db")
            store = f"sqlite:///{folder}/mlflow.db"
            if kind == "SQLite":
                report(kind, by_client(store, made, str(folder / "bare")), by_tracker(store, made))
                continue
            with mlflow_server(folder, store) as address:
                report(kind, by_client(address, made, None), by_tracker(address, made))


def report(kind: str, client: float, tracker: float) -> None:
    """Print one comparison."""
    print(f"{kind}: tracker {tracker:.1f} s, client {client:.1f} s, ratio {tracker / client:.2f}")


if __name__ == "__main__":
    main()
