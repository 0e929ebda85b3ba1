"""Single runs read back from the store, with everything that was kept of them."""

import re
from dataclasses import dataclass, replace
from difflib import get_close_matches

from harness.errors import UserError
from harness.store.artifacts import NotWhole, read_artifacts, require_unchanged
from harness.store.digest import kept_files
from harness.store.fetch import files_of
from harness.store.rows import Run
from harness.store.runs import StudyRuns, key_of, outcome_of
from harness.store.store import Store, require_schema
from harness.store.uri import redacted
from harness.study.levels import Levels, format_level
from harness.study.plan import run_key
from harness.study.seeds import seeds_text
from harness.study.study import Study
from harness.subjects.subject import Subject, Trained

SHORTEST = 4  # characters of a run id or key that may stand for the whole


@dataclass(frozen=True)
class StoredRun:
    """An ended run as the store holds it.

    Attributes:
        run_id, name, tags, metrics: MLflow's.
        key: the run's.
        subject: what was trained.
        trained: what was kept of it.
        passed_over: what is wrong with others that were to be taken before it.
    """

    run_id: str
    name: str
    tags: dict[str, str]
    metrics: dict[str, float]
    key: str
    subject: Subject
    trained: Trained
    passed_over: tuple[str, ...] = ()


def find_run(store: Store, name: str) -> StoredRun:
    """The ended run that a person means.

    Args:
        store: where it is.
        name: its MLflow run id or run key, or the first letters of one, or its name.

    Raises:
        UserError: no run, or several, go by that name, or the run has not ended.
        NotWhole: its files are gone or damaged.
    """
    experiments = store.experiments()
    start = name if len(name) >= SHORTEST and re.fullmatch("[0-9a-f]+", name) else None
    runs = [
        run
        for experiment in experiments
        for run in StudyRuns(store, experiment.experiment_id).children
    ]
    matching = [
        run
        for run in runs
        if name == run.info.run_name
        or (start and run.info.run_id.startswith(start))
        or (start and key_of(run).startswith(start))
    ]
    ended = [run for run in matching if outcome_of(run)]
    if len({key_of(run) for run in ended}) != 1:
        for experiment in experiments if not matching else ():
            require_schema(experiment, store.uri)  # it may be a run of version 1.0
        found = ", ".join(f"{run.info.run_name} ({run.info.run_id[:8]})" for run in matching[:4])
        near = get_close_matches(name, [run.info.run_name for run in runs], n=1)
        meant = f"Did you mean '{near[0]}'? " if near and not matching else ""
        raise UserError(
            "RUN must be the id, key or name of one run that has ended",
            f"'{name}', which matches {found or 'none'} in {redacted(store.uri)}",
            f"{meant}Or name a study and levels: ablate show STUDY FACTOR=LEVEL seed=N.",
        )
    return _load(store, ended[0])


def find_variant(
    store: Store, study: Study, digest: str, levels: Levels, seed: int | None
) -> StoredRun:
    """The finished run of a study with these levels: of the seed, or of the first that is whole.

    Args:
        store: where it is.
        study: with the steps that are meant.
        digest: of its data.
        levels: of each factor and tuned field.
        seed: also one that is not the study's; None for any of the study's.

    Raises:
        UserError: there is none.
        NotWhole: the files of all that there are are gone or damaged.
    """
    fields, seeds = study.fields(levels), sorted(study.seeds) if seed is None else [seed]
    finished = {
        key_of(run): run for run in reversed(_children(store, study))
        if outcome_of(run) == "finished"
    }  # fmt: skip
    keys = (run_key(study.model, fields, one, digest) for one in seeds)
    fitting = [finished[key] for key in keys if key in finished]
    if not fitting:
        asked = {**levels, **({} if seed is None else {"seed": seed})}
        more = ""
        if seed is not None and seed not in study.seeds:
            more = f" --seeds {seeds_text({*study.seeds, seed})}"
        raise UserError(
            "the variant must have a finished run in the store",
            ", ".join(f"{name}={format_level(value)}" for name, value in asked.items()),
            f"Run it first (ablate run STUDY{more}), or name another variant or seed.",
        )
    damaged: list[NotWhole] = []
    for run in fitting:
        try:
            found = _load(store, run)
        except NotWhole as error:
            damaged.append(error)
        else:
            return replace(found, passed_over=tuple(str(error.received) for error in damaged))
    raise damaged[0]


def find_key(store: Store, study: Study, key: str) -> StoredRun | None:
    """The ended run of a study with this key; None where the store has none.

    Raises:
        NotWhole: its files are gone or damaged.
    """
    fitting = (run for run in _children(store, study) if key_of(run) == key)
    run = next(filter(outcome_of, fitting), None)
    return _load(store, run) if run else None


def _children(store: Store, study: Study) -> list[Run]:
    runs = StudyRuns.find(store, study.name)
    return runs.children if runs else []


def _load(store: Store, run: Run) -> StoredRun:
    with files_of(store, run) as folder:
        require_unchanged(folder, kept_files(run))
        subject, trained = read_artifacts(folder, store.placed)
    data = run.data
    return StoredRun(
        run.info.run_id, run.info.run_name, data.tags, data.metrics, key_of(run), subject, trained
    )
