"""Names for what differs from its study's file: a folder, and the command that runs it again."""

import os
import re
import shlex
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from harness.errors import UserError
from harness.store.presentation import steps_text
from harness.study.files import find_study, load_study
from harness.study.request import Request
from harness.study.seeds import seeds_text
from harness.study.study import Study

LONGEST_PART = 60  # characters of a folder's name that an option adds


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
    return os.path.join(*_folders(request), "-".join(map(_as_folder, parts)))


def _as_folder(part: str) -> str:
    """A name as part of a folder's; names that differ stay apart.

    >>> _as_folder("deep"), _as_folder("a?b"), _as_folder("a#b")
    ('deep', 'a_b-c2a7', 'a_b-8187')
    """
    safe = re.sub(r"[^\w.,+ -]", "_", part[:LONGEST_PART])
    return safe if safe == part else f"{safe}-{sha256(part.encode()).hexdigest()[:4]}"


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
