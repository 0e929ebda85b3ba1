"""Which of a study's runs a command is about, and what else the store holds of the study."""

import shlex
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypedDict

from harness.errors import UserError, few
from harness.store.presentation import steps_text
from harness.store.reading import stored_runs
from harness.store.runs import StudyRuns
from harness.store.store import Store
from harness.study.files import load_study
from harness.study.request import Request
from harness.study.study import Study
from harness.subjects.subject import Outcome


class Selection(TypedDict):
    """Arguments of `reading.read_study` and `reading.fingerprint`."""

    name: str
    steps: int | None
    seeds: tuple[int, ...] | None
    data_digest: str | None
    study: Study | None


def select(store: Store, request: Request) -> tuple[Selection, list[str]]:
    """The runs that a request means, and what to say about runs on other data.

    They are those on the data that the command line or the study file names; where neither does,
    those that were last written.

    Raises:
        UserError: there is no such study, its data cannot be read, or its runs are on other data.
        Unreachable: the store does not answer.
    """
    path = Path(request.study)
    gone = path.suffix == ".toml" and not path.exists()  # its runs are still there
    study = None if gone else load_study(request.study)
    name = path.stem if study is None else study.name
    digest = None
    if study is not None and (request.data or study.data):
        digest = request.load_data(study).digest
    selection = Selection(
        name=name, steps=request.steps, seeds=request.seeds, data_digest=digest, study=study
    )
    if digest is None:
        return selection, []
    runs = stored_runs(store, name)
    others = runs.on_other_data(digest)
    here = any(run.data.tags.get("data_digest") == digest for run in runs.parents)
    if others and not here:
        data, count = others.most_common(1)[0]
        raise UserError(
            "the study must have runs on the data that are named",
            f"{count} runs of {name}, all on {data}",
            f"Report those with --data {shlex.quote(data)}, or run the study on these data first.",
        )
    return selection, [other_data(name, data, count) for data, count in sorted(others.items())]


def notes_on_other_data(store: Store, study: str, digest: str) -> list[str]:
    """What to say where the store holds a study's runs on data other than these."""
    runs = StudyRuns.find(store, study)
    others = runs.on_other_data(digest) if runs else {}
    return [other_data(study, data, count) for data, count in sorted(others.items())]


def other_data(study: str, data: str, count: int) -> str:
    """That the store holds so many runs of a study on other data, and how to use those."""
    return (
        f"the store holds {count} runs of {study} on {data}; they are other runs, and reports keep "
        f"them apart. To continue with those: --data {shlex.quote(data)}"
    )


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
    steps = steps_text(study)
    with suppress(UserError):  # its file is not here
        if steps_text(load_study(spelled)) != steps:
            command += f" --steps {steps}"
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
        f"{name} has changed since it was last run, in: {', '.join(changed)}; the file as it is "
        "now counts, with those runs that fit it"
    )


def on_doubtful(names: Sequence[str], repair: str) -> str:
    """That ended runs of these names lost files or were changed, and the command that repairs."""
    return (
        f"{len(names)} runs have ended, but their files are gone, or their values were changed "
        f"since: {few(names)}. This trains exactly those again: {repair}"
    )
