"""Study files: found by name or path, read, and checked as a whole."""

import json
import os
import shlex
import tomllib
from collections.abc import Sequence
from itertools import combinations, islice
from pathlib import Path

from harness.errors import UserError, suggest
from harness.files import ABLATIONS, project_ablations, require_regular
from harness.study.levels import Level, Levels, Where, matches, shown
from harness.study.study import Study
from harness.study.validation import validated
from harness.subjects.subject import RunFields

TOML = ".toml"  # the ending of a study file
LARGEST_GRID = 20_000  # runs; above it a typing error is likelier than a plan
LARGEST_FILE = 10_000_000  # bytes of a study file


def study_files() -> dict[str, Path]:
    """The studies that are known by name: the project's, and those that come with the package."""
    shipped = Path(__file__).parents[1] / ABLATIONS
    return {
        path.stem: path
        for folder in (shipped, project_ablations())
        for path in folder.glob(f"*{TOML}")
    }


def study_names() -> list[str]:
    """Names of the studies that are known by name, sorted."""
    return sorted(study_files())


def as_typed(name: str) -> str:
    """A study as a command line names it: by its file, or those known by their name."""
    return shlex.quote(name if name in study_names() else f"{name}{TOML}")


def is_study(name_or_path: str) -> bool:
    """Whether this is the name of a study, or written as the path of one."""
    return name_or_path.endswith(TOML) or find_study(name_or_path) is not None


def find_study(name_or_path: str) -> Path | None:
    """The file that a path or a name means: a study known by name, or one in this directory."""
    if name_or_path.endswith(TOML):
        return Path(name_or_path)
    beside = Path(f"{name_or_path}{TOML}")
    return study_files().get(name_or_path) or (beside if os.path.isfile(beside) else None)


def load_study(name_or_path: str) -> Study:
    """A study by its name, or by the path of a TOML file.

    Raises:
        UserError: there is no such study, it is no TOML, or it does not validate.
    """
    path, reason = find_study(name_or_path), repr(name_or_path)
    try:
        if path is not None:
            require_regular(path, LARGEST_FILE)
            return parse_study(path.read_bytes(), path.stem, path.parent)
    except (OSError, ValueError) as error:  # ValueError: a null character in the path
        reason = f"{name_or_path!r} ({getattr(error, 'strerror', None) or error})"
    raise UserError(
        "STUDY must be the name of a study or the path of a .toml file",
        reason,
        suggest(name_or_path.removesuffix(TOML), study_names(), "studies"),
    )


def parse_study(text: bytes, name: str, folder: Path | None = None) -> Study:
    """A study from the bytes of its TOML file.

    Args:
        text: the file's bytes.
        name: the file's name without its ending.
        folder: the file's; a subject that is a file is relative to it.

    Raises:
        UserError: the bytes are no TOML, or do not validate.
    """
    where = f"study '{name}'" if name.isprintable() else "the study"
    try:
        data = tomllib.loads(text.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        deep = isinstance(error, RecursionError)  # its message depends on where the stack ends
        received = "tables or lists that are nested too deeply" if deep else error
        raise UserError(
            f"{where} must be TOML in UTF-8", received, "Fix the file there and run again."
        ) from None
    if "name" in data:
        raise UserError(
            f"{where}: unknown key: name",
            repr(data["name"])[:80],
            "The file name is the name of the study; leave this key out.",
        )
    if "looks" in data:
        raise UserError(
            f"{where}: looks belong in the table of seeds",
            f"looks = {data['looks']!r}"[:80],
            "Write seeds = { looks = [5, 10, 20] }.",
        )
    subject = data.get("subject")
    if folder is not None and isinstance(subject, str) and subject.endswith(".py"):
        data["subject"] = str(folder / subject)
    study = validated(Study, {**data, "name": name}, where)
    require_trainable(study, where)
    return study


def require_trainable(study: Study, where: str) -> None:
    """Check that the subject takes every variant of a study, and that no two train the same.

    Args:
        study: of which at most `LARGEST_GRID` variants are checked.
        where: what it is, for people.

    Raises:
        UserError: of combinations of levels that the subject refuses, the remedy is the tables
            that leave them out.
    """
    variants: dict[RunFields, Levels] = {}
    refused: list[tuple[Levels, UserError]] = []
    for cell in islice(study.trained(), LARGEST_GRID):
        try:
            twin = variants.setdefault(study.fields(cell), cell)
        except UserError as error:
            refused.append((cell, error))
            continue
        if twin is not cell:
            raise UserError(
                f"{where}: variants must differ in what they train",
                f"{shown(cell)}, which is the same as {shown(twin)}",
                "Remove one of the levels.",
            )
    tables: list[Where] = []
    for cell, refusal in refused:
        if any(matches(cell, table) for table in tables):
            continue
        table = least_refused(study, cell, list(variants.values()))
        if len(table) < 2 or matches(study.baseline, table) or table.keys() & study.tuned.keys():
            raise refusal  # no table helps a level that goes with nothing, nor the baseline itself
        tables.append(table)
    if refused:
        _, first = refused[0]
        raise UserError(
            first.rule,
            f"{first.received}, in {len(refused)} of {len(refused) + len(variants)} variants",
            "\n\n".join((f"{first.remedy} Or leave these variants out:", *map(_as_toml, tables))),
        )


def least_refused(study: Study, cell: Levels, good: Sequence[Levels]) -> Where:
    """The fewest levels of a refused variant that no good one has together.

    Other levels of these factors that go with none of the good ones are added to them.
    """
    parts = (
        {name: cell[name] for name in names}
        for size in range(len(cell) + 1) for names in combinations(cell, size)
    )  # fmt: skip
    table = dict[str, Level | tuple[Level, ...]](
        next(part for part in parts if not any(matches(one, part) for one in good))
    )
    for name in table:
        alike = tuple(
            level for level in study.varied[name]
            if not any(matches(one, table | {name: level}) for one in good)
            and next(study.cells(table | {name: level}), None)
        )  # fmt: skip
        table[name] = alike if len(alike) > 1 else alike[0]
    return table


def _as_toml(table: Where) -> str:
    """A table of `exclude` as it is written in a study file."""
    lines = (f"{name} = {json.dumps(level, ensure_ascii=False)}" for name, level in table.items())
    return "\n".join(("[[exclude]]", *lines))
