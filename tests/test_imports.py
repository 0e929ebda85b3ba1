"""The house keeps its order: each package imports only from those below it."""

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

HARNESS = Path(__file__).parents[1] / "harness"

# Lowest first: each may import what stands before it.
ORDER = ("errors", "files", "output", "subjects", "study", "training", "engines", "store",
         "analysis", "report", "looks", "flow", "cli")  # fmt: skip
# `harness/notebook.py` and `harness/__init__.py` are the door for Python users: above all but cli.
DOOR = ("", "notebook")

# The two commands that belong to one subject.
COMMANDS_OF_A_SUBJECT = ("cli/commands/data.py", "cli/commands/lecture.py")

# What subjects are written with, and how they are found.
SHARED = {"subject", "figures", "trace", "items", "works", "streams", "exact", "user_file",
          "user_fields", "metrics", "characters", "corpus", "torch", "find_subject",
          "subjects_with", "subject_names", "DEFAULT"}  # fmt: skip

FILES = sorted(path.relative_to(HARNESS).as_posix() for path in HARNESS.rglob("*.py"))


def part(module: str) -> str:
    """The package or top module that a module of the harness belongs to."""
    return [*module.split("."), ""][1]


@cache
def imports(file: str) -> frozenset[str]:
    """Every module that a file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse((HARNESS / file).read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            found |= {node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(found)


def within(file: str) -> str:
    """The package or top module that a file belongs to."""
    return file.split("/")[0].removesuffix(".py").removesuffix("__init__")


@pytest.mark.parametrize("here", ORDER)
def test_a_package_imports_only_from_below(here: str) -> None:
    allowed = {*ORDER[: ORDER.index(here) + 1], ""}
    files = [file for file in FILES if within(file) == here]
    assert files
    found = {(file, module) for file in files for module in imports(file)
             if module.startswith("harness.") and part(module) not in allowed}  # fmt: skip
    assert found == set()


def test_every_file_has_a_place_in_the_order() -> None:
    assert {within(file) for file in FILES} == {*ORDER, *DOOR}


@pytest.mark.parametrize("here", [name for name in ORDER if name not in ("errors", "files")])
def test_no_file_imports_another_subject_than_its_own(here: str) -> None:
    """Above the seam that means: none at all."""
    for file in FILES:
        if within(file) != here or file in COMMANDS_OF_A_SUBJECT:
            continue
        own = {file.split("/")[1]} if here == "subjects" and file.count("/") > 1 else set()
        for module in imports(file):
            if module.startswith("harness.subjects."):
                name = module.split(".")[2]
                assert name in SHARED | own or file == "subjects/__init__.py", (file, module)


@pytest.mark.parametrize(
    ("library", "places"),
    [
        ("mlflow", ("store/",)),
        ("ray", ("engines/ray",)),
        ("torch", ("subjects/", "training/")),
        ("numba", ("subjects/",)),
        ("llvmlite", ("subjects/",)),
        ("matplotlib", ("report/", "notebook")),
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
        ("harness.cli.session", ("mlflow", "torch", "numba", "pandas")),
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
