"""The parent run: one making of a study, with its definition, environment, progress and report."""

import json
import tempfile
import time
from pathlib import Path
from typing import Literal

from harness.seeds import seeds_text
from harness.study import Study
from harness.tracking import look
from harness.tracking.ledger import Entry, Ledger, run_tags
from harness.tracking.schema import (
    DEFINITION,
    IS_KIND,
    IS_SCHEMA,
    LONGEST_TAG,
    SCHEMA,
    environment_tags,
)
from harness.tracking.session import HELD, Session, holder, require_free
from harness.tracking.store import Store

Facts = dict[str, str | float]
Status = Literal["finished", "failed", "interrupted"]

STATUS = {"finished": "FINISHED", "failed": "FAILED", "interrupted": "KILLED"}
BEAT = 10  # seconds between two renewals of the session


class Parent:
    """An open parent run.

    Args:
        store: where it is.
        entry: the MLflow run.
        session: this process.
    """

    def __init__(self, store: Store, entry: Entry, session: Session) -> None:
        self.run_id = entry.run_id
        self.session = session
        self._store = store
        self._beaten = 0.0

    @classmethod
    def open(cls, ledger: Ledger, study: Study, corpus: Facts, session: Session) -> "Parent":
        """Take up or make the parent of this making of the study, and mend what a kill left.

        Raises:
            UserError: another process is writing under it.
        """
        key = parent_key(study, str(corpus["digest"]))
        for run in ledger.find(key):
            require_free(run, study.name)
        mend(ledger)
        tags = identity_tags(study, corpus)
        entry = ledger.take(key, look.study_name(study, str(corpus["corpus"])), tags)
        parent = cls(ledger.store, entry, session)
        parent._define(study, corpus)
        return parent

    def beat(self, progress: str, *, hurry: bool = True) -> None:
        """Show progress, and that this process lives; without hurry only every few seconds.

        Raises:
            Unreachable: it could not be shown.
        """
        if hurry or time.monotonic() - self._beaten > BEAT:
            self._beaten = time.monotonic()
            self.session = Session.here(self.session.id, self.session.since)
            self._tag({"progress": progress, HELD: self.session.to_tag()})

    def end(self, progress: str, status: Status) -> None:
        """Show how the session ended.

        Raises:
            Unreachable: it could not be shown.
        """
        self._tag({"progress": progress})
        with self._store.reach():
            self._store.client.set_terminated(self.run_id, STATUS[status])

    def _define(self, study: Study, corpus: Facts) -> None:
        """Store the study as resolved now; seeds of earlier sessions stay part of it."""
        if earlier := read_definition(self._store, self.run_id):
            seeds = dict.fromkeys((*earlier[0].seeds, *study.seeds))
            study = study.override(seeds=tuple(seeds))
        definition = {"study": study.model_dump(mode="json"), "facts": corpus}
        note = look.study_note(study, str(corpus["corpus"]))
        self._tag(environment_tags(f"ablate run {study.name}") | {"mlflow.note.content": note})
        with self._store.reach():
            self._store.client.log_text(
                self.run_id, json.dumps(definition, indent=1, ensure_ascii=False), DEFINITION
            )

    def _tag(self, tags: dict[str, str]) -> None:
        with self._store.reach():
            self._store.client.log_batch(self.run_id, tags=run_tags(tags))


def parent_key(study: Study, digest: str) -> str:
    """The identity of a parent run: a study made with so many steps from these data."""
    return f"{study.name[:80]}/{look.steps_text(study)}/{digest[:16]}"


def identity_tags(study: Study, corpus: Facts) -> dict[str, str]:
    """Tags of a new parent; its claims and seeds are kept so that later changes of them show."""
    return {
        IS_SCHEMA: SCHEMA,
        IS_KIND: "study",
        "study": study.name,
        "steps": look.steps_text(study),
        "data": str(corpus["corpus"]),
        "data_digest": str(corpus["digest"]),
        "claims_digest": study.claims_digest(),
        "first_seeds": seeds_text(study.seeds)[:LONGEST_TAG],
    }


def mend(ledger: Ledger) -> None:
    """End all runs that a killed session left RUNNING, unless their writer lives.

    Raises:
        Unreachable: some are left; the next session mends them.
    """
    held = {run.info.run_id for run in ledger.runs("study") if holder(run)}
    for run in ledger.runs("run"):
        if run.info.status == "RUNNING" and run.data.tags.get("mlflow.parentRunId") not in held:
            ledger.interrupt(run.info.run_id)
    for run in ledger.runs("study"):
        if run.info.status == "RUNNING" and run.info.run_id not in held:
            ledger.kill(run.info.run_id)


def read_definition(store: Store, run_id: str) -> tuple[Study, Facts] | None:
    """The study and the facts that a parent run holds; None where they were never stored whole."""
    with store.reach():
        if DEFINITION not in {file.path for file in store.client.list_artifacts(run_id)}:
            return None
    with store.reach(), tempfile.TemporaryDirectory(prefix="ablate-") as folder:
        path = Path(store.client.download_artifacts(run_id, DEFINITION, folder))
        text = path.read_text(encoding="utf-8")
    try:
        whole = json.loads(text)
        return Study.model_validate(whole["study"]), whole["facts"]
    except (ValueError, KeyError):  # pydantic's ValidationError is a ValueError
        return None
