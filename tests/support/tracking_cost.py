"""What it costs to log core: python -m tests.support.tracking_cost

Times the tracker and, side by side, MLflow's own client with the same points, params, tags and
artifacts: on SQLite, and on a server over HTTP. Prints seconds for 120 runs.
"""

import tempfile
import time
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import RunTag

from harness.store.artifacts import write_artifacts
from harness.store.database import create
from harness.store.schema import metrics, params, points
from harness.store.store import Store
from harness.store.tracker import Tracker
from harness.study.files import load_study
from harness.study.plan import Run
from harness.training.records import Result
from tests.support.servers import mlflow_server
from tests.support.stores import FACTS, grid, result

CORE = load_study("core").override(seeds=(1, 2, 3, 4, 5))
Pairs = list[tuple[Run, Result]]


def by_tracker(uri: str, pairs: Pairs) -> float:
    """Seconds that the tracker takes."""
    start = time.monotonic()
    runs = [planned for planned, _ in pairs]
    with Tracker.open(Store.open(uri), CORE, FACTS, runs, session="one") as tracked:
        for _, ended in pairs:
            tracked.deliver(ended)
    return time.monotonic() - start


def by_client(uri: str, pairs: Pairs, location: str | None) -> float:
    """Seconds that MLflow's client takes, with the fewest calls that do it."""
    client, start = MlflowClient(uri), time.monotonic()
    experiment = client.create_experiment("bare", location)
    for planned, ended in pairs:
        run_id = client.create_run(experiment, run_name=planned.variant).info.run_id
        logged = metrics(points(ended, CORE.model), 0)
        tags = [RunTag(f"tag{i}", planned.variant) for i in range(20)]
        client.log_batch(run_id, logged, params(planned), tags)
        with tempfile.TemporaryDirectory() as folder:
            write_artifacts(Path(folder), CORE, CORE.subject, planned, ended, FACTS)
            client.log_artifacts(run_id, folder)
        client.set_terminated(run_id)
    return time.monotonic() - start


def main() -> None:
    """Print both, for both stores."""
    pairs = [(run, result(run)) for run in grid(CORE)]
    for kind in ("SQLite", "HTTP"):
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            create(folder / "mlflow.db")
            store = f"sqlite:///{folder}/mlflow.db"
            if kind == "SQLite":
                report(
                    kind, by_client(store, pairs, str(folder / "bare")), by_tracker(store, pairs)
                )
                continue
            with mlflow_server(folder, store) as address:
                report(kind, by_client(address, pairs, None), by_tracker(address, pairs))


def report(kind: str, client: float, tracker: float) -> None:
    """Print one comparison."""
    print(f"{kind}: tracker {tracker:.1f} s, client {client:.1f} s, ratio {tracker / client:.2f}")


if __name__ == "__main__":
    main()
