"""Bringing the runs of another store into this one, each once: two laptops, one report.

A run is copied as it is, with all that its store holds of it. Its key is a hash of all that defines
it, so equal keys mean one run, and no subject is loaded to copy it. Only complete runs come, and of
these only such as are as they ended. They are written as those of a session are: after a kill, the
next merge completes the run that was being copied.
"""

import os
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mlflow.entities import Param

from harness.errors import UserError
from harness.store.artifacts import NotWhole, require_unchanged
from harness.store.digest import is_changed, kept_files
from harness.store.fetch import files_of
from harness.store.identity import LACKING
from harness.store.parent import ParentRun, progress, read_definition
from harness.store.rows import Experiment, Run
from harness.store.runs import Ended, StudyRuns, key_of, outcome_of
from harness.store.schema import DEFINITION, IS_SCHEMA, SCHEMA
from harness.store.session import SESSION, Session, require_no_writer
from harness.store.store import Store
from harness.store.takeover import TAKEN_FROM
from harness.store.uri import redacted, sqlite_path
from harness.store.workspace import Workspace
from harness.study.held import changed, same_variants
from harness.study.plan import expand
from harness.study.study import Study
from harness.subjects.subject import Facts, Outcome

DOUBTS = {True: "changed since it ended", None: "without a digest, so changes cannot be detected"}


@dataclass
class Merged:
    """What came of one study of the other store.

    Attributes:
        study: its name.
        new: whether it was not in this store.
        brought: how many runs came.
        here: how many of its complete runs were here already.
        left: the runs that were not brought, each with what is wrong with it.
        differs: keys of the study file that say something else there than here.
    """

    study: str
    new: bool
    brought: int = 0
    here: int = 0
    left: list[str] = field(default_factory=list)
    differs: list[str] = field(default_factory=list)


def require_another(theirs: str, ours: str) -> None:
    """Check that two resolved tracking URIs name two stores.

    Raises:
        UserError: they name one.
    """
    files = [path for path in map(sqlite_path, (theirs, ours)) if path and path.exists()]
    if theirs == ours or (len(files) == 2 and os.path.samefile(*files)):
        raise UserError(
            "merge needs two different stores",
            f"the same one twice: {redacted(ours)}",
            "Name another STORE, or name the store to write to with --tracking-uri.",
        )


def mergeable(source: Store) -> list[Experiment]:
    """The studies of a store whose runs another one may take.

    Raises:
        UserError: there are none, or some in another schema.
    """
    found = [one for one in source.experiments() if IS_SCHEMA in one.tags]
    for one in found:
        if (schema := one.tags[IS_SCHEMA]) != SCHEMA:
            raise UserError(
                f"the studies of the store to merge must have schema {SCHEMA} of the harness",
                f"'{one.name}' in {redacted(source.uri)}, stored in schema {schema} by another "
                "version",
                "Train the study again with this version, or merge with that version.",
            )
    if not found:
        raise UserError(
            "the store to merge must hold studies",
            f"none in {redacted(source.uri)}",
            "Name a store that `ablate run` has written to.",
        )
    return sorted(found, key=lambda one: str(one.name))


def merge_study(source: Store, theirs: Experiment, target: Store) -> Merged:
    """Bring the runs of one study that this store lacks, and join the seeds of both.

    Args:
        source: the other store, which is only read.
        theirs: the study there.
        target: this store.

    Raises:
        UserError: another process is writing the study here, or others use its experiment.
    """
    name = str(theirs.name)
    with Workspace.of(name, target.uri).locked():
        found = target.experiment(name)
        marked = found is not None and IS_SCHEMA in found.tags
        ours = StudyRuns(target, target.open_experiment(name, {} if marked else theirs.tags))
        for run in ours.parents:
            require_no_writer(run, name)
        there, ended = StudyRuns(source, theirs.experiment_id), ours.ended()
        merged = Merged(name, new=found is None, here=len(there.ended().keys() & ended.keys()))
        parents = [_Parent(source, run, ours, merged) for run in there.parents]
        places = {parent.theirs.info.run_id: parent.run.run_id for parent in parents}
        for key, alike in _lacking(there, ended).items():
            if why := _bring(source, alike, ours, places):
                merged.left.append(why)
            else:
                ended[key] = outcome_of(alike[0]) or "finished"
                merged.brought += 1
            for parent in parents:
                parent.renew()
        for parent in parents:
            merged.differs += parent.join(ended)
    return merged


class _Parent:
    """A parent run of the other store, and the one here that takes its runs.

    Attributes:
        theirs: there.
        run: here.
    """

    def __init__(self, source: Store, theirs: Run, ours: StudyRuns, merged: Merged) -> None:
        self.theirs, self._source, self._target = theirs, source, ours.store
        key, tags = key_of(theirs), _tags(theirs)
        known = ours.of_key(key)
        before = (known or [theirs])[0].data.tags
        self._said = before.get("progress", "")
        # Which runs are reported by default follows from it: a merge is no session.
        self._session = before.get(SESSION) if known or merged.new else None
        opened = ours.open(key, theirs.info.run_name, tags, began=theirs.info.start_time)
        self.run = ParentRun(ours.store, opened, Session.here(uuid.uuid4().hex[:8]))
        self.run.renew(self._said)
        with ours.store.reach():
            self._here = Run.of(ours.store.client.get_run(opened.run_id))
        if not _has_definition(ours.store, self._here) and _has_definition(source, theirs):
            with files_of(source, theirs, DEFINITION) as folder:
                ours.store.log_file(folder / DEFINITION, opened.location)

    def renew(self) -> None:
        """Show now and then that this process lives."""
        self.run.renew(self._said, at_once=False)

    def join(self, ended: Mapping[str, Outcome]) -> list[str]:
        """Add the seeds that have come to the definition here, and show progress.

        Returns:
            The keys of the study file that say something else there than here.
        """
        said, differs, client = self._said, [], self._target.client
        mine, other = (
            self._defined(self._target, self._here),
            self._defined(self._source, self.theirs),
        )
        if mine and other:
            study, facts = mine
            differs, seeds = changed(study, other[0]), study.seeds
            if same_variants(study, other[0]):
                seeds = tuple(dict.fromkeys((*seeds, *other[0].seeds)))
            planned = expand(study.override(seeds=seeds), str(facts["digest"]))
            here = {*study.seeds, *(run.seed for run in planned if run.key in ended)}
            if here > {*study.seeds}:
                self.run.define(study.override(seeds=tuple(s for s in seeds if s in here)), facts)
            said = progress(ended, [run.key for run in planned if run.seed in here])
        self.run.end(said, "finished")
        with self._target.reach():
            if self._session is None:
                client.delete_tag(self.run.run_id, SESSION)
            else:
                client.set_tag(self.run.run_id, SESSION, self._session)
        return differs

    def _defined(self, store: Store, run: Run) -> tuple[Study, Facts] | None:
        try:
            return read_definition(store, run, beside=self._target)
        except UserError:  # its subject's file is not here
            return None


def _lacking(there: StudyRuns, ended: Mapping[str, Outcome]) -> dict[str, list[Run]]:
    """The complete runs of the other store that are not complete here, by key, the oldest first."""
    found: dict[str, list[Run]] = {}
    for run in there.children:
        if outcome_of(run) and key_of(run) not in ended:
            found.setdefault(key_of(run), []).append(run)
    return found


def _bring(source: Store, alike: Sequence[Run], ours: StudyRuns, places: Mapping[str, str]) -> str:
    """Copy the first of some runs of one key that is as it ended.

    Args:
        source: where they are.
        alike: the runs.
        ours: where the copy goes.
        places: MLflow's names of the parent runs here, by those of the parent runs there.

    Returns:
        Why none can be copied; "" if one was.
    """
    wrong = []
    for run in alike:
        if doubt := DOUBTS.get(is_changed(run)):
            wrong.append(f"{run.info.run_name}: {doubt}")
            continue
        try:
            with files_of(source, run) as folder:
                require_unchanged(folder, kept_files(run))
                _copy(source, run, folder, ours, places)
        except NotWhole as error:
            wrong.append(str(error.received))
        else:
            return ""
    return wrong[0]


def _copy(
    source: Store, run: Run, folder: Path, ours: StudyRuns, places: Mapping[str, str]
) -> None:
    """Store a run as it is, below the parent run here."""
    points = source.points(run)
    with source.reach():
        inputs = source.client.get_run(run.info.run_id).inputs
    info, tags = run.info, _tags(run) | {TAKEN_FROM: run.info.run_id}
    if parent := places.get(tags.pop("mlflow.parentRunId", "")):
        tags["mlflow.parentRunId"] = parent
    start = (key_of(run), info.run_name, tags | {"outcome": "running"}, info.start_time)
    opened = ours.open(*start)
    if opened.contradicts(points):
        ours.discard(key_of(run), opened)
        opened = ours.open(*start)
    params = [Param(name, value) for name, value in run.data.params.items()]
    datasets = inputs.dataset_inputs if inputs else []
    ours.complete(opened, Ended(points, params, tags, datasets, folder, info.end_time or 0))


def _tags(run: Run) -> dict[str, str]:
    """Its tags, as the store has them or as they follow from the rest."""
    return {name: value for name, value in run.data.tags.items() if name != LACKING}


def _has_definition(store: Store, run: Run) -> bool:
    try:
        with files_of(store, run, DEFINITION):
            return True
    except NotWhole:
        return False
