"""Which of a study's runs a command is about, and what else the store holds of the study.

The file decides: they are the runs of the study as its file says, with what the command line says
instead. All others are named with the option that chooses them.
"""

import os
import re
import shlex
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypedDict

from harness.errors import UserError, counted, few
from harness.store.parent import locate, stored_runs
from harness.store.presentation import steps_text
from harness.store.runs import StudyRuns, key_of, outcome_of
from harness.store.store import Store
from harness.study.files import find_study, load_study
from harness.study.plan import expand
from harness.study.request import Request
from harness.study.seeds import seeds_text
from harness.study.study import Study
from harness.subjects.subject import Outcome

LONGEST_PART = 60  # characters of a folder's name that an option adds


class Selection(TypedDict):
    """Arguments of `reading.read_study` and `reading.fingerprint`."""

    name: str
    steps: str | None
    data_digest: str
    study: Study
    runs: StudyRuns


@dataclass(frozen=True)
class Others:
    """Complete runs of a study besides those that a command is about.

    Attributes:
        count: how many.
        what: what sets them apart, such as "with 1,000 steps".
        option: chooses them.
    """

    count: int
    what: str
    option: str

    def note(self, study: str) -> str:
        """That they are there, and how to use them."""
        return (
            f"the store also holds {counted(self.count, 'run')} of {study} {self.what}, "
            f"which reports keep apart. To continue there: {self.option}"
        )


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


def about(study: Study) -> str:
    """Steps and seeds of a study's runs."""
    steps = steps_text(study)
    length = f"{int(steps):,} steps" if steps.isdigit() else f"{steps} steps"
    return f"{length}, {_seeds(study.seeds)}"


def _seeds(seeds: Collection[int]) -> str:
    return f"seed{'s' * (len(seeds) > 1)} {seeds_text(seeds)}"


def other_runs(
    runs: StudyRuns, study: Study, digest: str, planned: Collection[str]
) -> list[Others]:
    """Complete runs of a study with other data, steps or seeds.

    Args:
        runs: of the study.
        study: as it is asked for.
        digest: of its data.
        planned: keys of its runs.
    """
    elsewhere, longer, left = runs.on_other_data(digest), Counter[int](), []
    for run in runs.children:
        if not outcome_of(run) or key_of(run) in planned:
            continue
        steps, seed = (run.data.params.get(name, "") for name in ("steps", "seed"))
        if run.data.tags.get("data_digest") != digest or not (steps.isdigit() and seed.isdigit()):
            continue
        if steps_text(study) not in ("varied", steps):
            longer[int(steps)] += 1
        elif int(seed) not in study.seeds:
            left.append((key_of(run), int(seed)))
    more = study.model_copy(update={"seeds": tuple({seed for _, seed in left})})
    keys = {run.key for run in expand(more, digest)}
    added = [seed for key, seed in left if key in keys]
    all_seeds = seeds_text({*study.seeds, *added})
    return [
        *(_on_data(study, data, count) for data, count in sorted(elsewhere.items())),
        *(Others(count, f"with {steps:,} steps", f"--steps {steps}")
          for steps, count in sorted(longer.items())),
        *([Others(len(added), f"with {_seeds(set(added))}", f"--seeds {all_seeds}")]
          if added else []),
    ]  # fmt: skip


def folder_name(request: Request, study: Study) -> str:
    """A name for the folder of what is made of these runs: others than the file's have their own.

    A study file in another folder has its folder before the name, since another study there may
    be named alike.

    Args:
        request: what was asked for.
        study: as it was asked for.
    """
    parts = [study.name]
    with suppress(UserError):  # its file is not here
        file = load_study(request.study)
        if steps_text(study) != steps_text(file):
            parts.append(f"steps-{steps_text(study)}")
        if study.seeds != file.seeds:
            parts.append(f"seeds-{seeds_text(study.seeds)}")
        if request.data and file.data and not file.model.has_data:
            data = request.load_data(file)
            if data.digest != replace(request, data=None).load_data(file).digest:
                parts.append(f"data-{data.name}")
    last = "-".join(re.sub(r"[^\w.,+ -]", "_", part[:LONGEST_PART]) for part in parts)
    return os.path.join(*_folders(request), last)


def _folders(request: Request) -> list[str]:
    """Folders from here to a study's file; none where the study's name alone means this file."""
    file = find_study(request.study)
    if file is None or not file.exists():
        return []
    known = find_study(file.stem)
    if known is not None and known.exists() and known.samefile(file):
        return []
    folder = file.resolve().parent
    folders = [part for part in Path(os.path.relpath(folder)).parts if part != os.pardir]
    return folders or [folder.name] * (known is not None)


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


def other_data(study: Study, data: str, count: int) -> str:
    """That the store holds so many runs of a study on other data, and how to use those."""
    return _on_data(study, data, count).note(study.name)


def _on_data(study: Study, data: str, count: int) -> Others:
    if study.model.has_data:  # no option names them
        return Others(count, f"on other {data}", "undo what changed the data")
    return Others(count, f"on {data}", f"--data {shlex.quote(data)}")


def run_command(spelled: str, study: Study, data: str) -> str:
    """The command that runs a stored study again, with what its file does not say.

    Args:
        spelled: the study as commands take it.
        study: as stored.
        data: name of its data.
    """
    command = f"ablate run {shlex.quote(spelled)}"
    if study.data is None and not study.model.has_data:
        command += f" --data {shlex.quote(data)}"
    with suppress(UserError):  # its file is not here
        file = load_study(spelled)
        if steps_text(file) != (steps := steps_text(study)):
            command += f" --steps {steps}"
        if file.seeds != study.seeds:
            command += f" --seeds {seeds_text(study.seeds)}"
    return command


def ended_runs(store: Store, study: str) -> Mapping[str, Outcome]:
    """Outcome by key of every complete run of a study.

    Raises:
        Unreachable: the store does not answer.
    """
    runs = StudyRuns.find(store, study)
    return runs.ended() if runs else {}


def on_changes(name: str, changed: Sequence[str]) -> str:
    """That a study's file says something else than what was last run of it."""
    return (
        f"{name} has changed since its last run, in: {', '.join(changed)}; the current file "
        "counts, with the runs that match it"
    )


def on_doubtful(names: Sequence[str], repair: str) -> str:
    """That ended runs of these names lost files or were changed, and the command that repairs."""
    return (
        f"ended runs with missing or damaged files, or changed afterwards: {few(names)}. "
        f"Train these again: {repair}"
    )
