"""What is kept with a study's parent run after its runs: a verification, a report."""

from pathlib import Path

from harness.study import Study
from harness.tracking.ledger import Ledger
from harness.tracking.parent import parent_key
from harness.tracking.schema import VERIFICATION
from harness.tracking.store import Store, opened
from harness.tracking.uri import tracking_uri


def keep_verdict(uri: str | None, study: Study, digest: str, verdict: str) -> None:
    """Tag the study's parent run with what `ablate verify` found, where the store has one.

    Raises:
        Unreachable: it could not be kept.
    """
    store = opened(uri)
    experiment = store and store.experiment(study.name)
    if not store or not experiment:
        return
    for parent in Ledger(store, experiment.experiment_id).find(parent_key(study, digest)):
        with store.reach():
            store.client.set_tag(parent.info.run_id, VERIFICATION, verdict)


def keep_report(uri: str | None, parent_run_id: str, folder: Path) -> None:
    """Keep a report's files with the parent run, where the UI shows them.

    Args:
        uri: tracking URI as given by the user.
        parent_run_id: MLflow's name of the study's parent run.
        folder: the report's.

    Raises:
        Unreachable: they could not be kept.
    """
    store = Store(tracking_uri(uri))
    with store.reach():
        store.client.log_artifacts(parent_run_id, str(folder), "report")
