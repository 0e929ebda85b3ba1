"""Whether a report is already what it would become: a stamp of what went in and what came out."""

import json
from collections.abc import Iterable
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

STAMP = "stamp.json"
CODE = ("report", "analysis", "history.py", "plan.py", "responses.py", "study.py")
DRAWN_WITH = ("matplotlib", "seaborn", "jinja2", "pandas", "numpy", "scipy", "pillow")


def digest(parts: Iterable[tuple[str, bytes]]) -> str:
    """A hash of named contents."""
    whole = sha256()
    for name, content in sorted(parts):
        whole.update(f"{name}\0{len(content)}\0".encode())
        whole.update(content)
    return whole.hexdigest()


@cache
def code() -> str:
    """A hash of the code that makes reports, as it is when first asked for."""
    root = Path(__file__).parents[1]
    parts = [path for name in CODE for path in (root / name, *(root / name).rglob("*"))]
    return digest((path.relative_to(root).as_posix(), path.read_bytes())
                  for path in parts if path.suffix in (".py", ".jinja"))  # fmt: skip


def inputs(data: Path, formats: Iterable[str]) -> str:
    """A hash of all that a report depends on: its tables, formats, code, and packages."""
    tables = [(f"data/{path.name}", path.read_bytes()) for path in data.iterdir()]
    return digest([("made with", made_with(formats)), *tables])


def made_with(formats: Iterable[str]) -> bytes:
    """The formats, packages and code that make a report."""
    packages = {name: version(name) for name in DRAWN_WITH}
    return json.dumps([sorted(formats), packages, code()], sort_keys=True).encode()


def outputs(folder: Path, files: Iterable[str]) -> dict[str, str]:
    """A hash of each file that was made, by its path within the report; those lost have none."""
    return {
        name: sha256((folder / name).read_bytes()).hexdigest()
        for name in sorted(files)
        if (folder / name).is_file()
    }


def source(store: str, formats: Iterable[str]) -> str:
    """A hash of what a report depends on, as far as the store tells without reading all of it."""
    return digest([("store", store.encode()), ("made with", made_with(formats))])


def is_current(folder: Path, **expected: str) -> bool:
    """Whether the report in the folder was made from these, and nobody has touched it.

    Args:
        folder: of the report.
        expected: hashes by name: `inputs`, `source`, or both.
    """
    try:
        stamp = json.loads((folder / STAMP).read_text(encoding="utf-8"))
        made = dict(stamp["outputs"])
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return expected.items() <= stamp.items() and outputs(folder, made) == made


def write_stamp(folder: Path, files: Iterable[str], **hashes: str) -> None:
    """Stamp a report that is complete."""
    stamp = {**hashes, "outputs": outputs(folder, files)}
    text = json.dumps(stamp, indent=1, sort_keys=True)
    (folder / STAMP).write_text(text + "\n", encoding="utf-8")
