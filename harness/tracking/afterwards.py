"""What `ablate verify` found, kept with the study for its report."""

from harness.study import Study
from harness.tracking.ledger import Ledger
from harness.tracking.parent import parent_key
from harness.tracking.schema import VERIFICATION
from harness.tracking.store import Store
from harness.tracking.uri import sqlite_path, tracking_uri


def keep_verdict(uri: str | None, study: Study, digest: str, verdict: str) -> None:
    """Tag the study's parent run, where the store has one.

    Raises:
        Unreachable: it could not be kept.
    """
    resolved = tracking_uri(uri)
    path = sqlite_path(resolved)
    if path is not None and not path.exists():
        return
    store = Store(resolved)
    experiment = store.experiment(study.name)
    if experiment is None:
        return
    for parent in Ledger(store, experiment.experiment_id).find(parent_key(study, digest)):
        with store.reach():
            store.client.set_tag(parent.info.run_id, VERIFICATION, verdict)
