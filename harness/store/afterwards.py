"""What is kept with a study's parent run after its runs: a verification, a report."""

import shutil
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from harness.store.failures import NotPermitted
from harness.store.parent import parent_key
from harness.store.runs import StudyRuns
from harness.store.schema import VERIFICATION
from harness.store.store import Store
from harness.study.study import Study


def keep_verification(store: Store, study: Study, digest: str, text: str) -> None:
    """Tag the study's parent run with what `ablate verify` found, where the store has one."""
    runs = StudyRuns.find(store, study.name)
    for parent in runs.of_key(parent_key(study, digest)) if runs else ():
        with store.reach():
            store.client.set_tag(parent.info.run_id, VERIFICATION, text)


def keep_report(store: Store, parent_run_id: str, folder: Path, files: Iterable[str]) -> bool:
    """Keep a report with the study's parent run, where the UI shows it, if the user may do that.

    Args:
        store: where the run is.
        parent_run_id: MLflow's name of it.
        folder: of the report.
        files: those that are the report's, by their paths in the folder.

    Returns:
        Whether it is kept; not where the store may only be read.
    """
    if not store.writable:
        return False
    with (
        suppress(NotPermitted),
        store.reach(),
        tempfile.TemporaryDirectory(prefix="ablate-") as scratch,
    ):
        report = Path(scratch) / "report"  # MLflow copies the mode of the folder, too
        for name in files:
            kept = report / name
            kept.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / name, kept)
        address = store.client.get_run(parent_run_id).info.artifact_uri
        store.log_files(str(report), address, "report")
        return True
    return False
