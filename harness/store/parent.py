"""The parent run of a study, one for each number of steps and each data: definition, progress."""

import json
import tempfile
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Literal

from harness.errors import UserError, counted
from harness.files import parse_json
from harness.store import presentation
from harness.store.artifacts import NotWhole, read_file
from harness.store.fetch import files_of
from harness.store.identity import key_of_parent
from harness.store.rows import Run
from harness.store.runs import OpenRun, StudyRuns
from harness.store.schema import (
    DEFINITION,
    IS_KIND,
    IS_SCHEMA,
    LONGEST_TAG,
    SCHEMA,
    environment_tags,
    run_tags,
)
from harness.store.session import SESSION, Session, last_written, require_no_writer, writer
from harness.store.store import Store
from harness.store.uri import redacted
from harness.study.held import changed, same_variants
from harness.study.seeds import seeds_text
from harness.study.study import Study
from harness.subjects.subject import Facts, Outcome

Status = Literal["finished", "failed", "interrupted"]

STATUS = {"finished": "FINISHED", "failed": "FAILED", "interrupted": "KILLED"}
RENEWAL = 10  # seconds between two renewals of the session


class ParentRun:
    """A parent run that this session writes.

    Attributes:
        run_id: MLflow's name of it.
        session: which writes it.
        changed: keys of the study file that say something else than in the session before.
    """

    def __init__(self, store: Store, run: OpenRun, session: Session) -> None:
        self.run_id = run.run_id
        self._location = run.location
        self.session = session
        self.changed: list[str] = []
        self._store = store
        self._renewed = 0.0

    @classmethod
    def open(cls, runs: StudyRuns, study: Study, facts: Facts, session: Session) -> "ParentRun":
        """Resume or create the parent run, and end what a killed session left RUNNING.

        Raises:
            UserError: another process is writing under it.
        """
        key = parent_key(study, str(facts["digest"]))
        for run in runs.of_key(key):
            require_no_writer(run, study.name)
        close_orphans(runs)
        data = str(facts["name"])
        opened = runs.open(
            key,
            presentation.study_name(study, data),
            {
                IS_SCHEMA: SCHEMA,
                IS_KIND: "study",
                **parent_tags(study, facts),
                # As they were at first, so that later changes of them show.
                "claims_digest": study.claims_digest(),
                "first_seeds": seeds_text(study.seeds)[:LONGEST_TAG],
            },
        )
        parent = cls(runs.store, opened, session)
        parent.define(study, facts)
        return parent

    def renew(self, progress: str, *, at_once: bool = True) -> None:
        """Show progress, and that this process lives; unless at once, only every few seconds."""
        if at_once or time.monotonic() - self._renewed > RENEWAL:
            self._renewed = time.monotonic()
            self.session = Session.here(self.session.id, self.session.since)
            self._tag({"progress": progress, SESSION: self.session.to_tag()})

    def end(self, progress: str, status: Status) -> None:
        """Show how the session ended."""
        self._tag({"progress": progress})
        with self._store.reach():
            self._store.client.set_terminated(self.run_id, STATUS[status])

    def define(self, study: Study, facts: Facts) -> None:
        """Store the study as resolved now; seeds of earlier sessions with these variants stay."""
        with self._store.reach():
            run = self._store.client.get_run(self.run_id)
        earlier = read_definition(self._store, Run.of(run))
        self.changed = changed(earlier[0], study) if earlier else []
        if earlier and same_variants(earlier[0], study):
            seeds = dict.fromkeys((*earlier[0].seeds, *study.seeds))
            # Looks count from the first seed, whichever were trained first.
            study = study.override(seeds=tuple(sorted(seeds) if study.declared_looks else seeds))
        dumped = study.model_dump(mode="json")
        dumped["subject"] = self._store.recorded(study.subject)
        definition = {"study": dumped, "facts": dict(facts)}
        note = presentation.study_note(study, str(facts["name"]))
        self._tag(environment_tags(study.name) | {"mlflow.note.content": note})
        with self._store.reach(), tempfile.TemporaryDirectory(prefix="ablate-") as folder:
            file = Path(folder) / DEFINITION
            file.write_text(json.dumps(definition, indent=1, ensure_ascii=False), encoding="utf-8")
            self._store.log_file(file, self._location)

    def _tag(self, tags: dict[str, str]) -> None:
        with self._store.reach():
            self._store.client.log_batch(self.run_id, tags=run_tags(tags))


def parent_tags(study: Study, facts: Facts) -> dict[str, str]:
    """What a parent run is of."""
    return {
        "study": study.name,
        "subject": study.subject,
        "steps": presentation.steps_text(study),
        "data": str(facts["name"]),
        "data_digest": str(facts["digest"]),
    }


def parent_key(study: Study, digest: str) -> str:
    """The identity of a parent run: a study with so many steps on these data."""
    return key_of_parent(study.name, presentation.steps_text(study), digest)


def close_orphans(runs: StudyRuns) -> None:
    """End all runs that a killed session left RUNNING, unless their writer lives."""
    written = {run.info.run_id for run in runs.parents if writer(run)}
    for run in runs.children:
        if run.info.status == "RUNNING" and run.data.tags.get("mlflow.parentRunId") not in written:
            runs.interrupt(run.info.run_id)
    for run in runs.parents:
        if run.info.status == "RUNNING" and run.info.run_id not in written:
            runs.kill(run.info.run_id)


def read_definition(
    store: Store, run: Run, beside: Store | None = None
) -> tuple[Study, Facts] | None:
    """The study and the facts that a parent run holds; None where no whole ones were stored.

    Args:
        store: where the run is.
        run: the parent run.
        beside: the store in whose directory a subject that is a file is looked for; default: this.

    Raises:
        UserError: the subject's file is not there, or cannot be used.
    """
    try:
        with files_of(store, run, DEFINITION) as folder:
            whole = parse_json(read_file(folder, DEFINITION))
        facts = {str(name): value for name, value in whole["facts"].items()}
        if not {"name", "digest"} <= facts.keys():
            return None
        whole["study"]["subject"] = (beside or store).placed(whole["study"]["subject"])
        return Study.model_validate(whole["study"]), facts
    # pydantic's ValidationError is a ValueError
    except (NotWhole, ValueError, KeyError, TypeError, AttributeError):
        return None


def progress(ended: Mapping[str, Outcome], expected: Collection[str]) -> str:
    """How many of the runs expected have ended, by their keys, in words."""
    outcomes = [ended[key] for key in expected if key in ended]
    diverged = outcomes.count("diverged")
    end = f", {diverged} of them diverged" if diverged else ""
    return f"{len(outcomes)} of {counted(len(expected), 'run')}{end}"


def stored_runs(store: Store, name: str) -> StudyRuns:
    """A study's runs in the store, which must have it."""
    runs = StudyRuns.find(store, name)
    if runs is None:
        raise _missing(f"no experiment '{name}' in {redacted(store.uri)}")
    return runs


def locate(
    store: Store,
    name: str,
    steps: int | str | None = None,
    digest: str | None = None,
    runs: StudyRuns | None = None,
) -> tuple[StudyRuns, Run, Study, Facts]:
    """A study's runs, its parent run with these steps and data, and what that one defines.

    Of several parent runs it is the one last written.
    """
    runs = runs or stored_runs(store, name)
    wanted = {"steps": steps and str(steps), "data_digest": digest}
    wanted = {tag: value for tag, value in wanted.items() if value}
    parents = [run for run in runs.parents if wanted.items() <= run.data.tags.items()]
    if not parents:
        which = ", ".join(f"{tag} {value}" for tag, value in wanted.items())
        raise _missing(f"no runs with {which}" if which else "no runs of it")
    parent = max(parents, key=last_written)
    definition = read_definition(store, parent)
    if definition is None:  # it was never stored whole
        raise _missing(f"no complete definition of it in {redacted(store.uri)}")
    return runs, parent, *definition


def _missing(received: str) -> UserError:
    return UserError(
        "the study must have runs in the store",
        received,
        "Run it first (ablate run STUDY), or name its store with --tracking-uri.",
    )
