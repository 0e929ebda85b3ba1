"""Which runs of a study have ended, told without loading MLflow where there is nothing to tell."""

from harness.records import Outcome
from harness.tracking.database import holds
from harness.tracking.uri import sqlite_path, tracking_uri


def is_new(uri: str | None, name: str) -> bool:
    """Whether a study surely has no runs in the store; False where only MLflow could tell."""
    path = sqlite_path(tracking_uri(uri))
    return path is not None and not (path.exists() and holds(path, name))


def ended_runs(uri: str | None, name: str) -> dict[str, Outcome]:
    """Outcome by key of every complete run of a study; creates nothing where there is none.

    Raises:
        UserError: the store cannot be used.
        Unreachable: the store does not answer.
    """
    if is_new(uri, name):
        return {}
    from harness.tracking.ledger import Ledger
    from harness.tracking.store import opened

    store = opened(uri)
    experiment = store and store.experiment(name)
    return Ledger(store, experiment.experiment_id).ended() if store and experiment else {}
