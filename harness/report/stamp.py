"""The stamp of a report: what it was made from, and which files it consists of.

A report is current if `build` would make the same again. Files of an earlier report are replaced;
all else that lies in its folder is left alone.
"""

import json
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path, PurePosixPath

from harness.errors import UserError, few
from harness.files import read_json, require_free, write_atomically

STAMP = "stamp.json"
FOLDERS = ("data", "figures")  # within a report: from these, old files are removed
PACKAGE = Path(__file__).parents[1]  # all of `harness`
DRAWN_WITH = ("matplotlib", "seaborn", "jinja2", "pandas", "numpy", "pillow")


@dataclass(frozen=True)
class Stamp:
    """What is known of a report.

    Attributes:
        made_from: `hash_inputs` of all that it follows from; "" where there is no whole report.
        subject: the study's.
        files: a hash of each file, by its path within the report.
    """

    made_from: str = ""
    subject: str = ""
    files: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> "Stamp":
        """The stamp of the report in a folder; an empty one where there is none to be read."""
        try:
            stamp = read_json(folder / STAMP)
            return cls(str(stamp["made_from"]), str(stamp["subject"]), dict(stamp["files"]))
        except (OSError, ValueError, KeyError, TypeError):
            return cls()

    def write(self, folder: Path) -> None:
        """Write it to a folder, which is created."""
        stamp = {"made_from": self.made_from, "subject": self.subject, "files": self.files}
        text = json.dumps(stamp, indent=1, sort_keys=True)
        write_atomically(folder / STAMP, f"{text}\n".encode())


def is_current(folder: Path, formats: Iterable[str], fingerprint: str) -> bool:
    """Whether the report in the folder is what `build` would make again, and nobody changed it.

    Args:
        folder: of the report.
        formats: of its figures' files.
        fingerprint: hash of what the store holds of the study.
    """
    stamp = Stamp.read(folder)
    return (
        bool(stamp.made_from)
        and stamp.made_from == hash_inputs(fingerprint, formats, stamp.subject)
        and stamp.files == hash_files(folder, stamp.files)
    )


def written(folder: Path) -> set[str]:
    """The files of the report in a folder, its stamp included; none where there is no report."""
    files = Stamp.read(folder).files
    return {*files, STAMP} if files else set()


def put_files(made: Path, folder: Path, made_from: str | None, subject: str) -> None:
    """Put a report, or one figure of it, where it belongs.

    Args:
        made: where the files lie.
        folder: the report's.
        made_from: what the whole report follows from; it takes the place of an earlier one. None
            where the files are only added.
        subject: the study's.

    Raises:
        UserError: something is in the way that no report wrote, and nothing was changed; or the
            folder cannot be written.
    """
    earlier = Stamp.read(folder)
    files = hash_files(made, (path.relative_to(made).as_posix() for path in made.rglob("*")))
    require_free(folder, {*files, STAMP} - written(folder), "report", "--output")
    stamp = Stamp(earlier.made_from if made_from is None else made_from, subject, files)
    try:
        # First, so that a killed command leaves nothing that the next one takes for another's.
        replace(stamp, files={**earlier.files, **files}).write(folder)
        for name in files:
            write_atomically(folder / name, (made / name).read_bytes())  # never through a link
        if made_from is not None:
            for name in earlier.files.keys() - files.keys():
                if str(PurePosixPath(name).parent) in FOLDERS:
                    (folder / name).unlink(missing_ok=True)
            stamp.write(folder)
    except OSError as error:
        raise _unusable(folder, error) from None


def _unusable(folder: Path, error: OSError) -> UserError:
    return UserError(
        "the folder of a report must be writable",
        f"{folder} ({error.strerror})",
        "Free some space, make it writable, or name another folder with --output.",
    )


def require_own(folder: Path) -> None:
    """Check that a folder is a report's, or has nothing in it.

    Raises:
        UserError: others have files there, or it cannot be read.
    """
    try:
        found = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    except FileNotFoundError:
        return
    except OSError as error:
        raise _unusable(folder, error) from None
    if found and not written(folder):
        raise UserError(
            "a report needs its own folder",
            f"{folder}, which has no report, but {few(found)}",
            f"Name a new folder, for example --output {shlex.quote(str(folder / 'report'))}",
        )


def hash_inputs(fingerprint: str, formats: Iterable[str], subject: str) -> str:
    """A hash of all that a report follows from: runs, formats, packages, and code."""
    packages = {name: version(name) for name in DRAWN_WITH}
    code = [hash_code(PACKAGE), hash_code(subject_code(subject))]
    inputs = json.dumps([fingerprint, sorted(formats), packages, code], sort_keys=True)
    return sha256(inputs.encode()).hexdigest()


def subject_code(name: str) -> Path:
    """The file of a subject, or its folder; all of this package where it is a part of it."""
    if name.endswith(".py"):
        return Path(name)
    spec = find_spec(name) if "." in name else None
    if spec is None or spec.origin is None:
        return PACKAGE
    return Path(spec.origin).parent if spec.submodule_search_locations else Path(spec.origin)


@cache
def hash_code(place: Path) -> str:
    """A hash of a file, or of all files of a package, as they are when first asked for."""
    whole = sha256()
    for path in sorted(place.rglob("*")) or [place]:
        if path.is_file() and "__pycache__" not in path.parts:
            content = path.read_bytes()
            whole.update(f"{path.relative_to(place).as_posix()}\0{len(content)}\0".encode())
            whole.update(content)
    return whole.hexdigest()


def hash_files(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """A hash of each file, by its path within the report; those that are lost have none."""
    return {
        name: sha256((folder / name).read_bytes()).hexdigest()
        for name in sorted(names)
        if (folder / name).is_file()
    }
