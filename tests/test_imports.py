"""The house keeps its order: each package imports only from those below it."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HARNESS = Path(__file__).parents[1] / "harness"

# Lowest first: each may import what stands before it.
ORDER = ("errors", "files", "subjects", "study", "training", "engines", "store", "analysis",
         "report", "flow", "cli")  # fmt: skip
# `harness/notebook.py` and `harness/__init__.py` are the door for Python users: above all but cli.
DOOR = ("", "notebook")

# The two commands that belong to one subject.
COMMANDS_OF_A_SUBJECT = ("cli/commands/data.py", "cli/commands/lecture.py")

FILES = sorted(path.relative_to(HARNESS).as_posix() for path in HARNESS.rglob("*.py"))


def part(module: str) -> str:
    """The package or top module that a module of the harness belongs to."""
    return [*module.split("."), ""][1]


def imports(file: str) -> Iterator[str]:
    """Every module that a file imports, wherever in it."""
    for node in ast.walk(ast.parse((HARNESS / file).read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def within(file: str) -> str:
    return file.split("/")[0].removesuffix(".py").removesuffix("__init__")


@pytest.mark.parametrize("file", FILES)
def test_a_file_imports_only_from_below(file: str) -> None:
    here = within(file)
    if here in DOOR:
        return
    allowed = {*ORDER[: ORDER.index(here) + 1], *([""] if here == "cli" else [])}
    for module in imports(file):
        if module == "harness" or module.startswith("harness."):
            assert part(module) in allowed | ({""} if module == "harness" else set()), module


@pytest.mark.parametrize("file", FILES)
def test_above_the_seam_no_file_imports_a_subject(file: str) -> None:
    if within(file) == "subjects" or file in COMMANDS_OF_A_SUBJECT:
        return
    shared = {"subject", "figures", "trace", "streams"}
    for module in imports(file):
        name = module.removeprefix("harness.subjects.").split(".")[0]
        if module.startswith("harness.subjects.") and name.islower():
            assert name in shared or name in ("find_subject", "subject_names"), module


@pytest.mark.parametrize("file", FILES)
def test_one_subject_does_not_know_another(file: str) -> None:
    if not file.startswith("subjects/") or file.count("/") < 2:
        return
    own = file.split("/")[1]
    for module in imports(file):
        if module.startswith("harness.subjects."):
            name = module.split(".")[2]
            shared = ("subject", "figures", "trace", "streams", "find_subject", own)
            assert name in shared, module


@pytest.mark.parametrize(
    ("library", "places"),
    [
        ("mlflow", ("store/",)),
        ("ray", ("engines/ray",)),
        ("torch", ("subjects/", "training/")),
        ("numba", ("subjects/",)),
        ("llvmlite", ("subjects/",)),
        ("matplotlib", ("report/",)),
        ("seaborn", ("report/",)),
        ("click", ("cli/",)),
    ],
)
def test_a_library_is_imported_in_its_place_only(library: str, places: tuple[str, ...]) -> None:
    prefix = f"{library}."
    found = [file for file in FILES if any(f"{m}.".startswith(prefix) for m in imports(file))]
    assert [file for file in found if not file.startswith(places)] == []


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("harness.cli", ("mlflow", "torch", "numba", "pandas", "rich", "pydantic")),
        ("harness.flow", ("mlflow", "torch", "numba", "pandas")),
        ("harness.study.request", ("mlflow", "torch", "numba", "pandas")),
        ("harness.subjects.char_mlp", ("torch", "numba", "pandas")),
        ("harness.report", ("mlflow", "torch", "numba")),
        ("harness.analysis.gather", ("mlflow", "torch", "numba")),
    ],
)
def test_importing_a_module_does_not_load_what_it_can_do_without(
    module: str, absent: tuple[str, ...]
) -> None:
    code = f"import sys, {module}; print(*sys.modules)"
    command = [sys.executable, "-c", code]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True)
    assert set(absent) & set(loaded.stdout.split()) == set()
