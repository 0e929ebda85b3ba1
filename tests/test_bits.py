"""No arithmetic that differs between machines stands where numbers of a report are made."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

HARNESS = Path(__file__).parents[1] / "harness"
EXACT = (
    "analysis", "report", "store", "study", "subjects/corpus", "training",
    *(f"subjects/char_mlp/{name}.py" for name in ("diagnostics", "evaluation", "members",
                                                  "predictions", "responses", "sampling")),
)  # fmt: skip
# What the C library, BLAS or a register's width decides. NumPy adds up in a fixed order.
UNSAFE = {
    "np": {"cos", "dot", "einsum", "exp", "expm1", "geomspace", "log", "log10", "log1p", "log2",
           "logspace", "matmul", "power", "sin", "tan", "tanh", "vdot"},
    "math": {"atan", "cos", "erf", "exp", "expm1", "gamma", "lgamma", "log", "log10", "log1p",
             "log2", "pow", "sin", "tan", "tanh"},
}  # fmt: skip


def unsafe(code: str) -> Iterator[str]:
    """What may differ between machines in some code."""
    for node in ast.walk(ast.parse(code)):
        match node:
            case ast.BinOp(op=ast.MatMult()):
                yield "@"
            case ast.BinOp(op=ast.Pow(), right=ast.Constant(value=float())):
                yield "**"
            case ast.Attribute(value=ast.Name(id=("np" | "math") as library), attr=name):
                if name in UNSAFE[library]:
                    yield f"{library}.{name}"
            case ast.ImportFrom(module="math", names=names):
                yield from (one.name for one in names if one.name in UNSAFE["math"])
            case ast.Import(names=names):
                yield from (one.name for one in names if one.name.startswith("scipy"))
            case ast.ImportFrom(module=str(module)):
                if module.startswith("scipy"):
                    yield module
            case _:
                pass


@pytest.mark.parametrize("place", EXACT)
def test_no_number_depends_on_the_machine(place: str) -> None:
    path = HARNESS / place
    files = sorted(path.rglob("*.py")) if path.is_dir() else [path]
    assert files
    found = {path.name: list(unsafe(path.read_text("utf-8"))) for path in files}
    assert {name: names for name, names in found.items() if names} == {}


def test_what_may_differ_is_found() -> None:
    code = (
        "import scipy.stats\nfrom math import log, sqrt\na @ b\nn**0.5\nn**2\nnp.exp(x)\nnp.sum(x)"
    )
    assert sorted(unsafe(code)) == ["**", "@", "log", "np.exp", "scipy.stats"]
