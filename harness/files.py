"""Files: written so that nobody meets half of one, and read only where they have an end."""

import errno
import json
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

from harness.errors import UserError

ABLATIONS = "ablations"  # the folder of a project's studies and of its own levels
LARGEST_JSON = 2**26  # bytes
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)
LIMITS = (errno.EMFILE, errno.ENFILE, errno.EFBIG, errno.ENOMEM, errno.EAGAIN)  # `ulimit` sets them


def project_folders(here: Path | None = None) -> Iterator[Path]:
    """This directory or another, then those above it in the same project, the nearest first.

    The project ends at the root of a Git repository. A directory where everyone may leave files,
    such as /tmp, is no part of one.
    """
    here = here or Path.cwd()
    for folder in (here, *here.parents):
        if folder == here or not _is_shared(folder):
            yield folder
        if os.path.exists(folder / ".git"):
            return


def project_ablations(here: Path | None = None) -> Path:
    """The project's nearest `ablations/` from this directory or another, or the one to be made."""
    folders = (folder / ABLATIONS for folder in project_folders(here))
    return next(filter(Path.is_dir, folders), Path(ABLATIONS))


def _is_shared(folder: Path) -> bool:
    mode = folder.stat().st_mode
    return bool(mode & stat.S_ISVTX and mode & stat.S_IWOTH)


def write_atomically(path: Path, payload: bytes) -> None:
    """Write a file: at any time, readers find the old file or the complete new one.

    Args:
        path: of the file; a missing folder is created.
        payload: the file's bytes.

    Raises:
        OSError: the folder cannot be written, or the disk is full; no partial file is left.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        with partial.open("xb") as file:
            file.write(payload)
            file.flush()
            os.fsync(file.fileno())  # without it, a power cut may leave an empty file
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def require_free(folder: Path, names: Iterable[str], what: str, option: str) -> None:
    """Check that nothing lies where files are to be put: no file, no link, nothing for a folder.

    Args:
        folder: where to.
        names: the files' paths within it, those that an earlier command wrote left out.
        what: they make up, such as "report".
        option: names another folder.

    Raises:
        UserError: something does.
    """
    for name in sorted(names):
        path = folder / name
        taken = path if os.path.lexists(path) else path.parent
        if os.path.lexists(taken) and not (taken.is_dir() and taken != path):
            raise UserError(
                f"only files of an earlier {what} may be replaced",
                f"{taken}, which no {what} wrote",
                f"Move it away, or name another folder with {option}.",
            )


def require_regular(path: Path, largest: int) -> None:
    """Check that a file is one that can be read to its end: no pipe, no device, of a sane size.

    Args:
        path: of the file.
        largest: bytes that it may have.

    Raises:
        OSError: it is not, or it is not there.
    """
    found = path.stat()
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, "Is a directory", str(path))
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    if found.st_size > largest:
        raise OSError(errno.EINVAL, f"more than {largest:,} bytes", str(path))


def read_json(path: Path) -> Any:
    """What a JSON file holds.

    Raises:
        OSError: it is not there, or no regular file.
        ValueError: it is damaged.
    """
    require_regular(path, LARGEST_JSON)
    return parse_json(path.read_bytes())


def parse_json(text: bytes) -> Any:
    """What a JSON text says.

    Raises:
        ValueError: it is none, or is nested too deeply.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def lacks_room(error: OSError) -> bool:
    """Whether files could not be written or read for want of space or permission."""
    return error.errno in NO_ROOM or "usable temporary directory" in str(error.strerror)


def about_limit(error: Exception) -> UserError | None:
    """What a failure comes down to where a limit of the process or the machine is met."""
    if isinstance(error, OSError):
        met = error.errno in LIMITS
    else:
        met = isinstance(error, MemoryError) or "failed to map segment" in str(error)
    if not met:
        return None
    return UserError(
        "the limits of this machine must leave the command what it needs",
        getattr(error, "strerror", None) or str(error) or "too little memory",
        "Raise them (ulimit -a shows them), or end other programs; then run the same command "
        "again.",
    )


def refusal(error: OSError | MemoryError | ImportError) -> UserError | None:
    """What a failure of the system comes down to, if users can do something about it."""
    if (limit := about_limit(error)) or not isinstance(error, OSError):
        return limit
    where = str(error.filename or "")
    if lacks_room(error):
        return UserError(
            "files need free space and permission",
            f"{error.strerror}: {where}" if where else error.strerror,
            "Free some space or change the permissions, and run the same command again.",
        )
    if error.errno == errno.ENAMETOOLONG:
        return UserError(
            "a path must not be too long for the file system",
            f"{where[:40]}… ({error.strerror})",
            "Use a shorter path.",
        )
    return None
