"""Markdown that several pages are made of."""

from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; its cells are Markdown, in which a bar is no end of a cell.

    >>> print(table(("claim",), [("|a| < b",)]))
    | claim |
    | --- |
    | \\|a\\| < b |
    """
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in lines
    )
