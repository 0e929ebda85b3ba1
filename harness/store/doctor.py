"""What is inconsistent in a store, and the repair of what can be repaired without a guess.

It holds database against files, runs against their digests, and runs against processes; `ablate
verify` checks arithmetic instead. What a repair deletes, MLflow can restore.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Literal, TypeAlias

from harness.errors import UserError
from harness.store.artifacts import (
    CONFIG,
    TRACE,
    NotWhole,
    read_config,
    read_trace,
    require_unchanged,
)
from harness.store.digest import DIGEST, digest_of, is_changed, kept_files
from harness.store.fetch import files_of, is_there, local_folder
from harness.store.identity import describe, fill_in, kind_of, lacked
from harness.store.parent import parent_tags, read_definition
from harness.store.rows import Experiment, Run
from harness.store.runs import StudyRuns, is_ours, key_of, outcome_of
from harness.store.schema import IS_SCHEMA, SCHEMA, run_tags
from harness.store.session import require_no_writer, writer
from harness.store.store import Store
from harness.store.uri import is_server, redacted
from harness.study.plan import Run as Planned
from harness.study.plan import expand
from harness.study.study import Study

RUN_ID = 32  # letters of MLflow's run ids

Kind = Literal[
    "files",  # of a run are gone or damaged
    "values",  # of a run are not those that it ended with
    "tags",  # of a run were deleted or changed, and follow from the rest
    "unidentified",  # nothing tells which run it is
    "twins",  # several complete runs of one key
    "running",  # without a process
    "definition",  # of a study is gone or damaged
    "no run",  # names these files
]
TRAINED_AGAIN: tuple[Kind, ...] = ("files", "values")  # by `ablate run STUDY --repair`
Plans: TypeAlias = Mapping[str, tuple[Planned, Study, str]]  # by key: run, study, data digest


@dataclass(frozen=True)
class Inconsistency:
    """Something in a store that does not fit together.

    Attributes:
        kind: of it.
        study: whose; "" for files that no run names.
        what: the run or the files, and what is wrong, in words.
        run_id, key: of the run; "" where there is none.
        repair: does so without a guess; None where that cannot be done.
        defined: the study as stored, and its data's name, of a run that it plans.
        undefined: what is left of a study without a definition, of it and of its runs.
    """

    kind: Kind
    study: str
    what: str
    run_id: str = ""
    key: str = ""
    repair: Callable[[], None] | None = None
    defined: tuple[Study, str] | None = None
    undefined: "Undefined | None" = None


@dataclass(frozen=True)
class Undefined:
    """What the store tells of a study whose definition is gone.

    Attributes:
        steps: of its runs; None where they vary.
        seeds: of the runs that are there.
        data: name of its data.
    """

    steps: int | None
    seeds: tuple[int, ...]
    data: str


@dataclass
class Examination:
    """What was found in a store.

    Attributes:
        studies, runs: how many were looked at.
        unchecked: how many runs have no digest, so that nobody can tell whether they were changed.
        found: what does not fit together.
    """

    studies: int = 0
    runs: int = 0
    unchecked: int = 0
    found: list[Inconsistency] = field(default_factory=list)


def examine(store: Store, study: str | None = None) -> Examination:
    """Look through a whole store, or through what it holds of one study.

    Raises:
        UserError: there is no such study.
    """
    seen = Examination()
    for experiment in store.experiments():
        ours = experiment.tags.get(IS_SCHEMA) == SCHEMA
        if experiment.name == study or (study is None and ours):
            _examine_study(store, experiment, seen)
    if study is not None and not seen.studies:
        raise UserError(
            "the study must be in the store",
            f"no experiment '{study}' in {redacted(store.uri)}",
            f"Check the name '{study}', or name its store with --tracking-uri.",
        )
    if study is None and not is_server(store.uri):
        seen.found += _files_without_runs(store)
    return seen


def reopen(store: Store, study: str, keys: Collection[str]) -> list[str]:
    """Have the next session train again those runs of a study that lost files or were changed.

    Args:
        store: where they are.
        study: its name.
        keys: of the runs that the session is about.

    Returns:
        What was wrong with each.

    Raises:
        UserError: another process is writing the study.
    """
    runs = StudyRuns.find(store, study)
    for parent in runs.parents if runs else ():
        require_no_writer(parent, study)
    repaired = []
    for one in examine(store, study).found if runs else ():
        if runs and one.kind in TRAINED_AGAIN and one.key in keys:
            if one.repair:
                one.repair()
            elif one.kind == "files":  # the same run goes on: it gets its files again
                runs.interrupt(one.run_id)
            else:
                _delete(store, one.run_id)
            repaired.append(one.what)
    return repaired


def changed_runs(store: Store, study: str, keys: Collection[str]) -> list[str]:
    """Names of the runs of a study that were changed since they ended."""
    return [str(run.info.run_name) for run in _ended(store, study, keys) if is_changed(run)]


def doubtful(store: Store, study: str, keys: Collection[str]) -> list[str]:
    """Names of the runs of a study that were changed, or whose files are gone from this machine.

    A glance: files are looked for, not read.
    """
    ended = _ended(store, study, keys)
    return [str(run.info.run_name) for run in ended if is_changed(run) or _has_no_files(run)]


def _ended(store: Store, study: str, keys: Collection[str]) -> list[Run]:
    runs = StudyRuns.find(store, study)
    children = runs.children if runs else []
    return [run for run in children if outcome_of(run) and _kept_key(store, run) in keys]


def _kept_key(store: Store, run: Run) -> str:
    """The key that a run ended with, which its files tell where it was changed."""
    if is_changed(run):
        with suppress(NotWhole), files_of(store, run, CONFIG) as folder:
            return read_config(folder).run_key
    return key_of(run)


def _has_no_files(run: Run) -> bool:
    folder = local_folder(run)
    return folder is not None and not all(is_there(folder / name) for name in (TRACE, CONFIG))


def _examine_study(store: Store, experiment: Experiment, seen: Examination) -> None:
    name, runs = experiment.name, StudyRuns(store, experiment.experiment_id)
    seen.studies += 1
    seen.runs += len(runs.children)
    seen.found += _running(runs, name)
    plans, undefined = _examine_parents(store, runs, name, seen)
    ended: dict[str, list[Run]] = defaultdict(list)
    unsound = set()
    for run in runs.children:
        if outcome_of(run) or (run.info.status == "FINISHED" and DIGEST in run.data.tags):
            seen.unchecked += DIGEST not in run.data.tags
            wrong = list(_of_run(store, run, name, plans))
            if planned := plans.get(key_of(run)):
                _, study, _ = planned
                defined = (study, run.data.tags.get("data", ""))
                wrong = [replace(one, defined=defined) for one in wrong]
            elif left := undefined.get(run.data.tags.get("mlflow.parentRunId", "")):
                wrong = [replace(one, undefined=left) for one in wrong]
            unsound |= {one.run_id for one in wrong if one.kind in TRAINED_AGAIN}
            seen.found += wrong
            ended[key_of(run)].append(run)
    for alike in ended.values():
        seen.found += _twins(store, name, sorted(alike, key=lambda run: run.info.run_id in unsound))
    for run in runs.unidentified:
        what = f"{run.info.run_name}: lacks its key, and neither params nor files identify it"
        seen.found.append(Inconsistency("unidentified", name, what, run.info.run_id))
    seen.found += _without_mark(store, experiment)


def _examine_parents(
    store: Store, runs: StudyRuns, name: str, seen: Examination
) -> tuple[Plans, Mapping[str, Undefined]]:
    """Look at what defines the study.

    Returns:
        The runs that it plans; and by id of a parent run without a definition, what is left of it.
    """
    plans: dict[str, tuple[Planned, Study, str]] = {}
    undefined: dict[str, Undefined] = {}
    for parent in runs.parents:
        try:
            definition = read_definition(store, parent)
        except UserError:  # the subject's file is not here
            continue
        if definition is None:
            what = f"{parent.info.run_name}: no complete study.json"
            left = undefined[parent.info.run_id] = _left_of(parent, runs)
            lost = Inconsistency("definition", name, what, parent.info.run_id, undefined=left)
            seen.found.append(lost)
        else:
            study, digest = definition[0], str(definition[1]["digest"])
            fill_in(parent, parent_tags(*definition), {})
            plans |= {run.key: (run, study, digest) for run in expand(study, digest)}
        seen.found += _lost_tags(store, parent, name)
    return plans, undefined


def _left_of(parent: Run, runs: StudyRuns) -> Undefined:
    steps, under = parent.data.tags.get("steps", ""), parent.info.run_id
    seeds = {
        run.data.params.get("seed", "")
        for run in runs.children
        if run.data.tags.get("mlflow.parentRunId") == under
    }
    return Undefined(
        int(steps) if steps.isdigit() else None,
        tuple(sorted(int(seed) for seed in seeds if seed.isdigit())),
        parent.data.tags.get("data", ""),
    )


def _of_run(store: Store, run: Run, study: str, plans: Plans) -> Iterator[Inconsistency]:
    """What is wrong with a run that has ended."""
    planned = plans.get(key_of(run))
    in_files: dict[str, str] = {}  # tags, as its files have them
    try:
        with files_of(store, run) as folder:
            config = read_config(folder)
            in_files = config.model_dump(include={"run_key", "subject", "version", "outcome"})
            in_files["data_digest"] = str(config.data.get("digest"))
            require_unchanged(folder, kept_files(run))
            read_trace(folder)
    except NotWhole as error:
        yield _about("files", study, run, str(error.received).rpartition(": ")[2])
    if planned:
        describe(run, *planned)
    if is_changed(run):
        data = run.data
        restored = digest_of(data.params, data.tags | in_files, data.metrics) == data.tags[DIGEST]
        changed = {name: value for name, value in in_files.items() if data.tags.get(name) != value}
        named = ", ".join(changed) if restored else "params, tags or numbers"
        repair = partial(_tag, store, run, changed) if restored else None
        about = _about("values", study, run, f"{named} changed since it ended", repair)
        yield replace(about, key=in_files.get("run_key", about.key))
        return
    yield from _lost_tags(store, run, study)
    if planned and run.data.tags["variant"] != planned[0].variant:
        label = {"variant": planned[0].variant}
        what = f"its tag says that it is '{run.data.tags['variant']}'"
        yield _about("tags", study, run, what, partial(_tag, store, run, label))


def _lost_tags(store: Store, run: Run, study: str) -> Iterator[Inconsistency]:
    if names := lacked(run):
        back = partial(_write, store, run, names)
        yield _about("tags", study, run, f"lacks {', '.join(names)}", back)


def _about(
    kind: Kind, study: str, run: Run, what: str, repair: Callable[[], None] | None = None
) -> Inconsistency:
    named = f"{run.info.run_name}: {what}"
    return Inconsistency(kind, study, named, run.info.run_id, key_of(run), repair)


def _running(runs: StudyRuns, study: str) -> Iterator[Inconsistency]:
    """Runs that are RUNNING, though no process writes them."""
    written = {run.info.run_id for run in runs.parents if writer(run)}
    for run in (*runs.parents, *runs.children):
        child = kind_of(run) == "run"
        parent = run.data.tags.get("mlflow.parentRunId") if child else run.info.run_id
        lives = parent in written or (parent is None and written)
        if run.info.status == "RUNNING" and not lives:
            end = partial(runs.interrupt if child else runs.kill, run.info.run_id)
            yield _about("running", study, run, "RUNNING, but no process is writing it", end)


def _twins(store: Store, study: str, alike: Sequence[Run]) -> Iterator[Inconsistency]:
    """Complete runs of one key; the first is the one to keep."""
    first, *others = alike
    for run in others:
        same = _measured(run) == _measured(first)
        how = "the same numbers" if same else "other numbers"
        ids = (one.info.run_id[:8] for one in (run, first))
        what = "run {} has the key of run {}, and {}".format(*ids, how)
        repair = partial(_delete, store, run.info.run_id) if same else None
        yield _about("twins", study, run, what, repair)


def _measured(run: Run) -> str:
    """What twins must share to be one run stored twice."""
    outcome = {"outcome": run.data.tags.get("outcome", "")}
    return digest_of(run.data.params, outcome, run.data.metrics)


def _without_mark(store: Store, experiment: Experiment) -> Iterator[Inconsistency]:
    """Ended runs of ours that lost the tag which says so."""
    for run in store.runs(experiment.experiment_id, f"tags.{DIGEST} != ''"):
        if not is_ours(run) and not is_changed(run):
            mark = partial(_tag, store, run, {IS_SCHEMA: SCHEMA})
            yield _about("tags", experiment.name, run, f"lacks {IS_SCHEMA}", mark)


def _files_without_runs(store: Store) -> Iterator[Inconsistency]:
    """Folders of runs that the database does not have, not even as deleted ones."""
    root = store.artifact_root()
    folders = [path for path in sorted(root.glob("*")) if path.is_dir() and _names_a_run(path)]
    if not folders:
        return
    from mlflow.entities import ViewType

    with store.reach():
        experiments = list(store.client.search_experiments(ViewType.ALL))
    known = {
        run.info.run_id
        for experiment in experiments
        for run in store.runs(experiment.experiment_id, "", ViewType.ALL)
    }
    for folder in folders:
        if folder.name not in known:
            files = [path for path in folder.rglob("*") if path.is_file()]
            size = sum(path.stat().st_size for path in files)
            what = f"{folder}: {len(files)} files, {size:,} bytes, of a run that does not exist"
            yield Inconsistency("no run", "", what)


def _names_a_run(path: Path) -> bool:
    return len(path.name) == RUN_ID and set(path.name) <= set("0123456789abcdef")


def _write(store: Store, run: Run, names: Collection[str]) -> None:
    """Write back what a run lacks, as it was filled in."""
    from mlflow.entities import Param

    params, tags = run.data.params, run.data.tags
    with store.reach():
        store.client.log_batch(
            run.info.run_id,
            params=[Param(name, params[name]) for name in names if name in params],
            tags=run_tags({name: tags[name] for name in names if name in tags}),
        )


def _tag(store: Store, run: Run, tags: dict[str, str]) -> None:
    with store.reach():
        store.client.log_batch(run.info.run_id, tags=run_tags(tags))


def _delete(store: Store, run_id: str) -> None:
    with store.reach():
        store.client.delete_run(run_id)
