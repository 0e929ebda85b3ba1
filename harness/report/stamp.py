"""Whether a report is current: a stamp says what it was made from, and what its files were."""

import json
from collections.abc import Iterable
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

STAMP = "stamp.json"
PACKAGE = Path(__file__).parents[1]  # all of `harness`
DRAWN_WITH = ("matplotlib", "seaborn", "jinja2", "pandas", "numpy", "pillow")


def is_current(folder: Path, formats: Iterable[str], fingerprint: str) -> bool:
    """Whether the report in the folder is what `build` would make again, and nobody changed it.

    Args:
        folder: of the report.
        formats: of its figures' files.
        fingerprint: hash of what the store holds of the study.
    """
    try:
        stamp = json.loads((folder / STAMP).read_text(encoding="utf-8"))
        files, subject = dict(stamp["files"]), str(stamp["subject"])
        made_from = stamp["made_from"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    expected = hash_inputs(fingerprint, formats, subject)
    return bool(made_from == expected) and hash_files(folder, files) == files


def write_stamp(folder: Path, formats: Iterable[str], fingerprint: str, subject: str) -> None:
    """Stamp a report that is complete; arguments as `is_current`'s, and the study's subject."""
    files = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    stamp = {"made_from": hash_inputs(fingerprint, formats, subject), "subject": subject,
             "files": hash_files(folder, files)}  # fmt: skip
    text = json.dumps(stamp, indent=1, sort_keys=True)
    (folder / STAMP).write_text(text + "\n", encoding="utf-8")


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
