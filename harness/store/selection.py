"""Which of a study's runs a command is about, and what else the store holds of the study.

The file decides: they are the runs of the study as its file says, with what the command line says
instead. All others are named with the option that chooses them.
"""

from collections.abc import Collection, Mapping
from typing import TypedDict

from harness.errors import UserError
from harness.store.parent import locate, stored_runs
from harness.store.presentation import steps_text
from harness.store.remarks import about, other_runs
from harness.store.runs import StudyRuns, key_of, outcome_of
from harness.store.store import Store
from harness.study.files import find_study, load_study
from harness.study.plan import expand
from harness.study.request import Request
from harness.study.study import Study
from harness.subjects.subject import Outcome


class Selection(TypedDict):
    """Arguments of `reading.read_study` and `reading.fingerprint`."""

    name: str
    steps: str | None
    data_digest: str
    study: Study
    runs: StudyRuns


def select(store: Store, request: Request) -> tuple[Selection, list[str]]:
    """The runs that a request means; and what was taken, and what else there is, in sentences.

    Where neither the command line nor the file names data, they are those of the study's runs, or
    of several those that `ablate plan` would choose. A study without its file is as it was last
    run.

    Raises:
        UserError: there is no such study, its data cannot be read, or the store has no such runs.
        Unreachable: the store does not answer.
    """
    file = find_study(request.study)
    if file is not None and file.exists():
        study = load_study(request.study).override(steps=request.steps, seeds=request.seeds)
        runs = stored_runs(store, study.name)
        digest, data = _data(request, study, runs)
    else:
        name = file.stem if file else request.study
        if file is None and store.experiment(name) is None:
            load_study(name)  # says that there is none
        steps = None if request.steps is None else str(request.steps)
        runs, _, held, facts = locate(store, name, steps)
        study = held.override(seeds=request.seeds)
        digest, data = str(facts["digest"]), str(facts["name"])
        if request.data:
            digest, data = _data(request, study, runs)
    planned = {run.key for run in expand(study, digest)}
    here = [run for run in runs.children if key_of(run) in planned]
    others = other_runs(runs, study, digest, planned)
    if not here:
        raise UserError(
            "the store must have runs of the study as requested",
            f"none of {study.name} with {about(study)}, on {data}",
            "Run it first (ablate run STUDY)" + "".join(
                f", or take the {one.count} {one.what}: {one.option}" for one in others
            ) + ".",
        )  # fmt: skip
    ended = len({key_of(run) for run in here if outcome_of(run)})
    count = f"{ended:,}" if ended == len(planned) else f"{ended:,} of {len(planned):,}"
    took = f"{study.name}: {count} {'run' if len(planned) == 1 else 'runs'}: {about(study)}, {data}"
    steps = steps_text(study)
    there = {"steps": steps, "data_digest": digest}.items()
    known = any(there <= parent.data.tags.items() for parent in runs.parents)
    selection = Selection(
        name=study.name, steps=steps if known else None, data_digest=digest, study=study, runs=runs
    )
    return selection, [took, *(one.note(study.name) for one in others)]


def _data(request: Request, study: Study, runs: StudyRuns) -> tuple[str, str]:
    """Digest and name of the data meant; they are loaded only where the store does not tell."""
    tags = [parent.data.tags for parent in runs.parents]
    there = {(one["data_digest"], one.get("data", "")) for one in tags if "data_digest" in one}
    if len(there) == 1 and not (request.data or study.data or study.model.has_data):
        return there.pop()
    data = request.load_data(study)
    return data.digest, data.name


def known_runs(
    store: Store, study: Study, digest: str, planned: Collection[str]
) -> tuple[Mapping[str, Outcome], list[str]]:
    """Outcome by key of every complete run of a study, and what to say about its other runs.

    Args:
        store: need not have the study.
        study, digest, planned: as of `other_runs`.
    """
    runs = StudyRuns.find(store, study.name)
    if runs is None:
        return {}, []
    return runs.ended(), [one.note(study.name) for one in other_runs(runs, study, digest, planned)]


def ended_runs(store: Store, study: str) -> Mapping[str, Outcome]:
    """Outcome by key of every complete run of a study.

    Raises:
        Unreachable: the store does not answer.
    """
    runs = StudyRuns.find(store, study)
    return runs.ended() if runs else {}
