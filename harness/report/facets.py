"""Which variant is drawn where: small multiples that stay readable whatever the factors are."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import TypeVar

from harness.analysis.grid import place_label
from harness.report.canvas import Key
from harness.report.style import LineStyle
from harness.study.levels import Level, Levels, format_level
from harness.study.plan import variant_label
from harness.study.study import Study

LARGEST_GRID = 12  # panels in one figure
WIDEST_ROW = 4  # panels
MOST_EXAMPLES = 8  # variants

T = TypeVar("T")


@dataclass(frozen=True)
class Panel:
    """One small plot: all variants that share some levels.

    Attributes:
        title: the levels shared, in words; empty where there is one panel only.
        cells: levels of each variant drawn, with its style.
    """

    title: str
    cells: tuple[tuple[Levels, LineStyle], ...]


@dataclass(frozen=True)
class Facets:
    """How a study's variants are laid out in a figure.

    Attributes:
        panels: row by row.
        per_row: panels beside each other.
        key: the legend's entries.
        note: which variants are left out, as a sentence; "" if none are.
    """

    panels: tuple[Panel, ...]
    per_row: int
    key: Key
    note: str

    @property
    def titled(self) -> bool:
        """Whether the panels have titles."""
        return any(panel.title for panel in self.panels)


def facets(study: Study, over: str | None = None) -> Facets:
    """The small multiples of a study.

    An ordered factor, where there is another one, runs over the columns of panels. The next two
    factors are shown by colour with marker and by line style; each combination of the remaining
    ones has panels of its own, at the baseline's level where they would be too many.

    Args:
        study: whose factors are to be shown.
        over: the factor along the plots' x axis, if one is; cells then carry its baseline level.
    """
    names = [name for name in varying(study) if name != over]
    column = ordered_factor(study) if over is None and len(names) > 1 else None
    rest = [name for name in names if name != column]
    colour, line, rows = rest[0], rest[1] if len(rest) > 1 else None, rest[2:]
    panelled = [*rows, column] if column else rows

    levels = dict(study.factors)
    fixed = []
    for name in reversed(rows):
        if prod(len(levels[factor]) for factor in panelled) > LARGEST_GRID:
            levels[name] = (study.baseline[name],)
            fixed.append(f"{name} {format_level(study.baseline[name])}")
    note = f"Drawn at {', '.join(fixed)} only; all cells are in the tables." if fixed else ""
    if column and len(levels[column]) > LARGEST_GRID:
        levels[column] = spread(levels[column], LARGEST_GRID)
        note = f"{note} Some levels of {column} are left out.".strip()

    panels = []
    for chosen in product(*(levels[name] for name in panelled)):
        shared = dict(zip(panelled, chosen, strict=True))
        title = place_label({name: shared[name] for name in panelled if len(levels[name]) > 1})
        cells = []
        for i, level in enumerate(levels[colour]):
            cell = {**study.baseline, **shared, colour: level}
            if line is None:
                cells.append((cell, LineStyle.of(i, i)))
            else:
                cells += [({**cell, line: other}, LineStyle.of(i, j))
                          for j, other in enumerate(levels[line])]  # fmt: skip
        panels.append(Panel(title, tuple(cells)))

    key: list[tuple[str, LineStyle | None]] = [(colour, None)]
    key += [(format_level(level), LineStyle.of(i, i if line is None else 0))
            for i, level in enumerate(levels[colour])]  # fmt: skip
    if line is not None:
        key.append((line, None))
        key += [(format_level(level), LineStyle("", "o", LineStyle.of(0, i).line))
                for i, level in enumerate(levels[line])]  # fmt: skip
    per_row = len(levels[column]) if column else len(panels)
    if per_row > WIDEST_ROW:
        per_row = 3
    return Facets(tuple(panels), per_row, tuple(key), note)


def varying(study: Study) -> list[str]:
    """The factors with more than one level, or the first if there is none."""
    several = [name for name, levels in study.factors.items() if len(levels) > 1]
    return several or list(study.factors)[:1]


def ordered_factor(study: Study) -> str | None:
    """The factor whose levels are three or more numbers; one outside `bare` comes first."""
    numeric = [name for name, levels in study.factors.items()
               if len(levels) > 2
               and not any(isinstance(level, bool | str) for level in levels)]  # fmt: skip
    strata = [name for name in numeric if name not in study.bare]
    return max(strata or numeric, key=lambda name: len(study.factors[name]), default=None)


def cell_label(study: Study, cell: Levels) -> str:
    """The name of the variant with these levels, its factors in the study's order."""
    return variant_label({name: cell[name] for name in study.factors})


def spread(items: Sequence[T], count: int) -> tuple[T, ...]:
    """At most so many of the items, evenly spread, the first and the last among them."""
    if len(items) <= count:
        return tuple(items)
    return tuple(items[round(i * (len(items) - 1) / (count - 1))] for i in range(count))


def examples(study: Study) -> dict[str, str]:
    """A few variants for figures of one variant a plot: baseline, each single change, and bare.

    The changes are those to the bare levels, or to any level where no bare is declared.

    Returns:
        What each variant is, by its name.
    """
    changes: list[tuple[str, Level]] = list(study.bare.items()) or [
        (name, level) for name, levels in study.factors.items() for level in levels
    ]
    found = {cell_label(study, study.baseline): "baseline"}
    for name, level in changes:
        changed = cell_label(study, {**study.baseline, name: level})
        found.setdefault(changed, f"baseline with {place_label({name: level})}")
    if study.bare:
        found.setdefault(cell_label(study, {**study.baseline, **study.bare}), "bare")
    return dict(list(found.items())[:MOST_EXAMPLES])
