"""Names of layers and weights in figures: their order over all variants, and labels that fit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil
from typing import TYPE_CHECKING

from harness.report.canvas import BOTTOM

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

LONGEST = 22  # characters of a label
MOST_LABELS = 20  # under one plot
SIZE = 7  # of labels, in points
LETTER = 0.054  # inches that a letter of a label takes, roughly
LONGEST_ROW = 44  # characters of a label left of a row
ROW_LETTER = 0.073  # inches that a letter of it takes, roughly, where it is bold
LINE = 0.13  # inches that a label takes across


def named(table: pd.DataFrame) -> bool:
    """Whether the layers or weights of a table have names, not just numbers."""
    return bool((table["name"] != "").any())


def ordered_names(table: pd.DataFrame, number: str) -> list[str]:
    """The names of all variants in one order.

    Args:
        table: variant, name, and the number of the layer or weight within its variant.
        number: name of the column with the number.
    """
    places = table[["variant", number, "name"]].drop_duplicates()
    by_variant = places.groupby("variant", sort=False)
    return merged(rows.sort_values(number, kind="stable")["name"] for _, rows in by_variant)


def merged(orders: Iterable[Iterable[str]]) -> list[str]:
    """Every name of some ordered lists once, each list's order kept.

    Where lists contradict each other, the earlier one's order counts. Of the names that may come
    next, that one does whose place in its list is the earliest relative to the list's length, or
    one before it in the same numbered sequence.

    >>> merged([["act", "head"], ["norm", "act", "head"], ["act", "drop", "head"]])
    ['norm', 'act', 'drop', 'head']
    """
    before: dict[str, set[str]] = {}  # of each name, all that must stand before it
    depth: dict[str, float] = {}
    for order in dict.fromkeys(tuple(dict.fromkeys(order)) for order in orders):
        for place, name in enumerate(order):
            before.setdefault(name, set())
            depth.setdefault(name, place / len(order))
        for first, second in pairwise(order):
            if second not in before[first]:
                for name, earlier in before.items():
                    if name == second or second in earlier:
                        earlier |= before[first] | {first}
    found: list[str] = []
    while before:
        free = [name for name, earlier in before.items() if earlier.isdisjoint(before)]
        chosen = min(free, key=depth.__getitem__)
        for name in free:
            if in_sequence(name, chosen):
                chosen = name
        found.append(chosen)
        del before[chosen]
    return found


def in_sequence(one: str, other: str) -> bool:
    """Whether both names are of one numbered sequence, and this one's number is the smaller.

    >>> in_sequence("blocks.2.up", "blocks.10.norm"), in_sequence("blocks.2.up", "blocks.2.norm")
    (True, False)
    """
    for part, another in zip(one.split("."), other.split("."), strict=False):
        if part != another:
            return part.isdecimal() and another.isdecimal() and int(part) < int(another)
    return False


def shortened(name: str) -> str:
    """A dotted name of at most `LONGEST` characters: its first parts by their first letters.

    >>> shortened("transformer.layers.11.attention.norm")
    't.l.11.attention.norm'
    """
    *parts, last = name.split(".")
    for place, part in enumerate(parts):
        if len(".".join([*parts, last])) <= LONGEST:
            break
        parts[place] = part if part.isdigit() else part[:1]
    whole = ".".join([*parts, last])
    return whole if len(whole) <= LONGEST else f"{whole[: LONGEST - 1]}…"


def without_shared_end(names: Sequence[str]) -> list[str]:
    """The names without the last parts that all of them share; two parts stay of each.

    >>> without_shared_end(["blocks.0.attention.weights", "blocks.1.attention.weights"])
    ['blocks.0', 'blocks.1']
    >>> without_shared_end(["2.act", "5.act"])
    ['2.act', '5.act']
    """
    parts = [name.split(".") for name in names]
    while len({tuple(p[-1:]) for p in parts}) == 1 < len(parts) and min(map(len, parts)) > 2:
        parts = [p[:-1] for p in parts]
    return [".".join(p) for p in parts]


def short_names(names: Sequence[str]) -> list[str]:
    """Labels for the names, all different: what is too long is shortened where that is clear."""
    long = any(len(name) > LONGEST for name in names)
    ends = without_shared_end(names) if long else names
    count = Counter(map(shortened, ends))
    labels = [shortened(end) if count[shortened(end)] == 1 else name
              for end, name in zip(ends, names, strict=True)]  # fmt: skip
    return labels if len(set(labels)) == len(set(names)) else list(names)


def fitting(labels: Iterable[str]) -> tuple[list[str], float]:
    """Labels of rows, the middle of long ones left out, and the inches they need."""
    short = [
        label if len(label) <= LONGEST_ROW else f"{label[:21]}…{label[22 - LONGEST_ROW :]}"
        for label in labels
    ]
    return short, 0.25 + ROW_LETTER * max(map(len, short))


@dataclass(frozen=True)
class NameTicks:
    """Names along the x axis of plots, at the places 0, 1, 2, ….

    Attributes:
        labels: by place; of many names only every second, third, … is there.
        count: places.
        upright: whether the labels stand upright because they do not fit beside each other.
    """

    labels: dict[int, str]
    count: int
    upright: bool

    @classmethod
    def of(cls, names: Sequence[str], width: float) -> NameTicks:
        """The ticks of a plot that is so many inches wide."""
        labels = short_names(names)
        apart = width / len(names)  # inches between two places
        if max(map(len, labels)) * LETTER + 0.1 <= apart:
            return cls(dict(enumerate(labels)), len(names), upright=False)
        every = max(ceil(LINE / apart), ceil(len(names) / MOST_LABELS))
        return cls(dict(list(enumerate(labels))[::every]), len(names), upright=True)

    @property
    def room(self) -> float:
        """Inches to leave under the plot."""
        longest = max(map(len, self.labels.values()))
        return BOTTOM + (LETTER * longest - LINE if self.upright else 0.0)

    def put_under(self, ax: Axes) -> None:
        """Set the ticks; places without a label have a small one."""
        ax.set_xlim(-0.5, self.count - 0.5)
        ax.set_xticks(list(self.labels), list(self.labels.values()), fontsize=SIZE,
                      rotation=90 if self.upright else 0)  # fmt: skip
        ax.set_xticks(
            [place for place in range(self.count) if place not in self.labels], minor=True
        )
