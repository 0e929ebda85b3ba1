"""Which variant is drawn where: small multiples that stay readable whatever the factors are."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import TypeVar

from harness.analysis.grid import cell_label
from harness.report.canvas import Key
from harness.report.style import COLOURS, LINES, LineStyle
from harness.study.levels import Level, Levels, format_level, place_label
from harness.study.study import Study

LARGEST_GRID = 12  # panels in one figure
WIDEST_ROW = 4  # panels
MOST_EXAMPLES = 8  # variants
MOST_COLOURS = 2 * len(COLOURS)  # levels; dashes tell those of one colour apart

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
    def titles(self) -> tuple[str, ...]:
        """The panels' titles; none if they are all empty."""
        titles = tuple(panel.title for panel in self.panels)
        return titles if any(titles) else ()

    def key_of(self, drawn: Collection[LineStyle]) -> Key:
        """The legend's entries about lines that are drawn: some variants may have none."""
        return tuple(
            (text, style) for text, style in self.key
            if style is None or any(map(style.means, drawn))
        )  # fmt: skip


def facets(study: Study, over: str | None = None) -> Facets:
    """The small multiples of a study.

    An ordered factor, where there is another one, runs over the columns of panels. Of the others,
    the first with few enough levels is shown by colour with marker, and the next such one by line
    style; each combination of the remaining ones that has variants has panels of its own. Where
    those would be too many, only some levels are drawn, or the baseline's. A study that changes one
    factor at a time has a panel for each factor.

    Args:
        study: whose factors are to be shown.
        over: the factor along the plots' x axis, if one is; cells then carry its baseline level.
    """
    if study.design == "one_at_a_time":
        return one_at_a_time(study)
    names, levels = [name for name in varying(study) if name != over], dict(study.factors)
    column = ordered_factor(study) if over is None and len(names) > 1 else None
    rest = [name for name in names if name != column]
    colour = next((name for name in rest if len(levels[name]) <= len(COLOURS)), rest[0])
    lined = (name for name in rest if name != colour and len(levels[name]) <= len(LINES))
    line = next(lined, None)
    rows = [name for name in rest if name not in (colour, line)]
    panelled = [*rows, column] if column else rows

    levels[colour] = some(study, colour, MOST_COLOURS)
    for name in [*reversed(rows), *panelled[len(rows) :]]:
        others = prod(len(levels[other]) for other in panelled if other != name)
        levels[name] = some(study, name, LARGEST_GRID // others)

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
        there = tuple((cell, style) for cell, style in cells if _has_variant(study, cell, over))
        if there:
            panels.append(Panel(title, there))

    per_row = len(levels[column]) if column else len(panels)
    if per_row > WIDEST_ROW:
        per_row = 3
    drawn = {name: levels[name] for name in names if len(levels[name]) < len(study.factors[name])}
    shown = sum(1 for _ in study.cells({name: tuple(few) for name, few in drawn.items()}))
    note = left_out(shown, sum(1 for _ in study.cells()), place_label(drawn))
    key = _key(colour, levels[colour], line, levels[line] if line else ())
    return Facets(tuple(panels), per_row, key, note)


def _key(colour: str, colours: Sequence[Level], line: str | None, lines: Sequence[Level]) -> Key:
    """The legend: the factor shown by colour with its levels, then the one by line style."""
    key: list[tuple[str, LineStyle | None]] = [(colour, None)]
    key += [(format_level(level), LineStyle.of(i, i if line is None else 0))
            for i, level in enumerate(colours)]  # fmt: skip
    if line is not None:
        key.append((line, None))
        key += [(format_level(level), LineStyle("", "o", LineStyle.of(0, i).line))
                for i, level in enumerate(lines)]  # fmt: skip
    return tuple(key)


def some(study: Study, factor: str, most: int) -> tuple[Level, ...]:
    """At most so many levels of a factor, spread over all of them; of one, the baseline's."""
    return spread(study.factors[factor], most) if most > 1 else (study.baseline[factor],)


def left_out(shown: int, count: int, which: str, noun: str = "variants") -> str:
    """What a figure leaves out, as a sentence; "" if nothing.

    >>> left_out(24, 60, "gain 1")
    'Shows 24 of 60 variants: gain 1.'
    """
    return f"Shows {shown} of {count} {noun}: {which}." if shown < count else ""


def one_at_a_time(study: Study) -> Facets:
    """A panel for each factor: the baseline, and each other level of the factor."""
    names, base = varying(study)[:LARGEST_GRID], LineStyle.of(0, 0)
    panels: list[Panel] = []
    key: list[tuple[str, LineStyle | None]] = [("baseline", base)]
    for name in names:
        changes = [level for level in some(study, name, MOST_COLOURS)
                   if level != study.baseline[name]]  # fmt: skip
        styles = [LineStyle.of(i, i) for i in range(1, len(changes) + 1)]
        cells = [({**study.baseline, name: level}, style)
                 for level, style in zip(changes, styles, strict=True)]  # fmt: skip
        panels.append(Panel(name, ((study.baseline, base), *cells)))
        key += [(name, None), *zip(map(format_level, changes), styles, strict=True)]
    shown = 1 + sum(len(panel.cells) - 1 for panel in panels)
    which = f"some changes of {', '.join(names)}"
    note = left_out(shown, sum(1 for _ in study.cells()), which)
    return Facets(tuple(panels), min(3, len(panels)), tuple(key), note)


def _has_variant(study: Study, cell: Levels, over: str | None) -> bool:
    """Whether there is a variant with these levels, whatever its level along the axis."""
    levels = {name: level for name, level in cell.items() if name != over}
    return next(study.cells(levels), None) is not None


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


def spread(items: Sequence[T], count: int) -> tuple[T, ...]:
    """At most so many of the items, evenly spread, the first and the last among them."""
    if len(items) <= count:
        return tuple(items)
    return tuple(items[round(i * (len(items) - 1) / (count - 1))] for i in range(count))


def examples(study: Study) -> dict[str, str]:
    """A few variants for figures of one variant a plot: baseline, each single change, and bare.

    The changes are those to the bare levels, or to any level where no bare is declared; what the
    study leaves out is not among them.

    Returns:
        What each variant is, by its name.
    """
    changes: list[tuple[str, Level]] = list(study.bare.items()) or [
        (name, level) for name, levels in study.factors.items() for level in levels
    ]
    cells = [(study.baseline, "baseline")]
    cells += [({**study.baseline, name: level}, f"baseline with {place_label({name: level})}")
              for name, level in changes]  # fmt: skip
    if study.bare:
        cells.append(({**study.baseline, **study.bare}, "bare"))
    found: dict[str, str] = {}
    for cell, what in cells:
        if study.allows(cell):
            found.setdefault(cell_label(study, cell), what)
    return dict(list(found.items())[:MOST_EXAMPLES])
