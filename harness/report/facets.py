"""Which variant is drawn where: small multiples that stay readable whatever the factors are."""

from dataclasses import dataclass
from itertools import product
from math import prod

from harness.plan import variant_label
from harness.report.style import Look
from harness.study import Level, Levels, Study, format_level

LARGEST_GRID = 12  # panels in one figure
WIDEST_ROW = 4
LARGEST_CAST = 8


@dataclass(frozen=True)
class Panel:
    """One small plot: all variants that share some levels.

    Attributes:
        title: the levels shared, in words; empty where there is one panel only.
        cells: levels of each variant drawn, with its look.
    """

    title: str
    cells: tuple[tuple[Levels, Look], ...]


@dataclass(frozen=True)
class Facets:
    """How a study's factors are told apart in a figure.

    Attributes:
        column: the factor that runs over the columns of panels, if any.
        colour: the factor shown by colour and marker.
        line: the factor shown by line style, if any.
        rows: the other factors; each combination of their levels has its own panels.
        levels: of each factor, the levels drawn.
        panels: row by row.
        note: which variants are left out, if any are.
    """

    column: str | None
    colour: str
    line: str | None
    rows: tuple[str, ...]
    levels: dict[str, tuple[Level, ...]]
    panels: tuple[Panel, ...]
    note: str

    @property
    def per_row(self) -> int:
        """Panels in a row."""
        levels = len(self.levels[self.column]) if self.column else len(self.panels)
        return levels if levels <= WIDEST_ROW else min(3, len(self.panels))

    def keys(self) -> list[tuple[str, Look | None]]:
        """Entries of the legend; those without a look are the factors' names."""
        entries: list[tuple[str, Look | None]] = [(self.colour, None)]
        for i, level in enumerate(self.levels[self.colour]):
            line = i if self.line is None else 0
            entries.append((format_level(level), Look.of(i, line)))
        if self.line is not None:
            entries.append((self.line, None))
            for i, level in enumerate(self.levels[self.line]):
                entries.append((format_level(level), Look("", "o", Look.of(0, i).line)))
        return entries


def ordered_factor(study: Study) -> str | None:
    """The factor whose levels are numbers in an order, such as depth; strata come first."""
    numeric = [
        name
        for name, levels in study.factors.items()
        if len(levels) > 2 and all(_is_number(level) for level in levels)
    ]
    strata = [name for name in numeric if name not in study.bare]
    found = sorted(strata or numeric, key=lambda name: -len(study.factors[name]))
    return found[0] if found else None


def _is_number(level: Level) -> bool:
    return isinstance(level, int | float) and not isinstance(level, bool)


def varying(study: Study) -> list[str]:
    """The factors with more than one level, or the first if there is none."""
    several = [name for name, levels in study.factors.items() if len(levels) > 1]
    return several or list(study.factors)[:1]


def facets(study: Study, over: str | None = None) -> Facets:
    """The small multiples of a study: an ordered factor, where there is a second, over the columns.

    Args:
        study: whose factors are to be shown.
        over: the factor along the plots' x axis, if one is; cells then carry its baseline level.
    """
    names = [name for name in varying(study) if name != over]
    column = ordered_factor(study) if over is None and len(names) > 1 else None
    rest = [name for name in names if name != column]
    colour, line, rows = rest[0], rest[1] if len(rest) > 1 else None, tuple(rest[2:])
    levels, note = _thinned(study, column, rows)
    return Facets(column, colour, line, rows, levels,
                  tuple(_panels(study, column, colour, line, rows, levels)), note)  # fmt: skip


def _thinned(
    study: Study, column: str | None, rows: tuple[str, ...]
) -> tuple[dict[str, tuple[Level, ...]], str]:
    """The levels drawn, so few that the panels stay readable, and what to say about it."""
    levels = dict(study.factors)
    dropped = []
    panelled = [*rows, column] if column else [*rows]
    for name in reversed(rows):
        if prod(len(levels[factor]) for factor in panelled) > LARGEST_GRID:
            levels[name] = (study.baseline[name],)
            dropped.append(f"{name} {format_level(study.baseline[name])}")
    note = f" Drawn at {', '.join(dropped)} only; all cells are in the tables." if dropped else ""
    if column and len(levels[column]) > LARGEST_GRID:
        levels[column] = spread(levels[column], LARGEST_GRID)
        note += f" Some levels of {column} are left out."
    return levels, note


def _panels(
    study: Study, column: str | None, colour: str, line: str | None, rows: tuple[str, ...],
    levels: dict[str, tuple[Level, ...]],
) -> list[Panel]:  # fmt: skip
    shown = [*rows, column] if column else [*rows]
    panels = []
    for chosen in product(*(levels[name] for name in shown)):
        shared = dict(zip(shown, chosen, strict=True))
        titled = {name: level for name, level in shared.items() if len(levels[name]) > 1}
        cells = []
        for i, first in enumerate(levels[colour]):
            for j, second in enumerate(levels[line] if line else (None,)):
                cell = {**study.baseline, **shared, colour: first}
                if line and second is not None:
                    cell[line] = second
                cells.append((cell, Look.of(i, j if line else i)))
        panels.append(Panel(in_words(titled), tuple(cells)))
    return panels


def in_words(levels: Levels) -> str:
    """Levels with the names of their factors: "depth 5, output_scale 0.1"."""
    return ", ".join(f"{name} {format_level(level)}" for name, level in levels.items())


def label(study: Study, cell: Levels) -> str:
    """The label of the variant with these levels, its factors in the study's order."""
    return variant_label({name: cell[name] for name in study.factors})


def spread(items: tuple[Level, ...], count: int) -> tuple[Level, ...]:
    """At most so many of the items, evenly spread, the first and the last among them."""
    if len(items) <= count:
        return items
    return tuple(items[round(i * (len(items) - 1) / (count - 1))] for i in range(count))


def cast(study: Study) -> dict[str, str]:
    """A few telling variants: the baseline, each single change from it, and the bare one.

    Returns:
        What each one is, by the variant's label.
    """
    people = {label(study, study.baseline): "baseline"}
    for name, level in changes(study):
        cell = {**study.baseline, name: level}
        people.setdefault(label(study, cell), f"baseline with {in_words({name: level})}")
    if study.bare:
        people.setdefault(label(study, {**study.baseline, **study.bare}), "bare")
    return dict(list(people.items())[:LARGEST_CAST])


def changes(study: Study) -> list[tuple[str, Level]]:
    """Single changes from the baseline: to the bare level, or to any where no bare is declared."""
    if study.bare:
        return [(name, level) for name, level in study.bare.items()]
    return [(name, level) for name, levels in study.factors.items() for level in levels]
