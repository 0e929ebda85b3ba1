"""Every mistake that the harness refuses, read off the code that refuses it."""

import ast
from collections.abc import Iterator
from pathlib import Path

HARNESS = Path(__file__).parents[1] / "harness"

PARTS = {  # of the harness, by whose mistakes these are
    "Study files": (
        "study/",
        "subjects/char_mlp/fields.py",
        "subjects/char_transformer/fields.py",
        "subjects/characters.py",
    ),
    "Model files": ("subjects/torch/", "subjects/loop/", "subjects/user_", "subjects/metrics.py"),
    "Data": ("subjects/corpus/", "subjects/char_transformer/sequences.py"),
    "Stores and servers": ("store/",),
    "Engines": ("engines/",),
    "Commands and reports": ("",),  # all the rest
}


def refusals() -> dict[str, list[tuple[str, str]]]:
    """Rule and remedy of every mistake, by part; "…" stands for what depends on the case."""
    found: dict[str, list[tuple[str, str]]] = {part: [] for part in PARTS}
    for path in sorted(HARNESS.rglob("*.py")):
        place = path.relative_to(HARNESS).as_posix()
        part = next(p for p, starts in PARTS.items() if place.startswith(starts))
        tree = ast.parse(path.read_text("utf-8"))
        for pair in refused_in(tree, validators=part == "Study files"):
            if pair not in found[part]:
                found[part].append(pair)
    return found


def refused_in(tree: ast.Module, *, validators: bool) -> Iterator[tuple[str, str]]:
    """Rule and remedy of every mistake that a module refuses.

    Args:
        tree: the module's code.
        validators: whether its `ValueError`s are refusals too, of entries of study files.
    """
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
            continue
        if (
            node.func.id in ("UserError", "InvalidValue", "NotWhole", "NotPermitted")
            and len(node.args) == 3
        ):
            rule, remedy = _text(node.args[0]), _text(node.args[2])
        elif node.func.id == "ValueError" and validators:  # reported by `study.validation`
            rule, remedy = f"… {_text(node.args[0])}", "Fix that entry."
        else:
            continue
        if rule.strip("…: "):
            yield rule, remedy


def _text(node: ast.expr) -> str:
    """What an expression says, as far as it is written there."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=values):
            return "".join(_text(value) for value in values)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _text(left) + _text(right)
        case ast.IfExp(body=body, orelse=orelse):
            return f"{_text(body)} / {_text(orelse)}"
        case ast.Call(func=ast.Name(id="suggest")):
            return "The nearest valid one, or all of them."
    return "…"
