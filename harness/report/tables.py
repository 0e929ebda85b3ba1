"""Tables for a paper: a study's cells, effects and claims. `typeset` writes them as text.

They are made of the frames that the report is made of. Only the notation of a number differs: all
of a column have the same decimals, so many that intervals show two digits.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from math import isfinite
from statistics import median

import pandas as pd

from harness.analysis.effects import NOT_ESTIMABLE, ranks_disagree
from harness.analysis.intervals import NAN
from harness.report.source import Source
from harness.report.words import SIDES, apart, capital, contrasted, fixed, level_words, p_value
from harness.study.levels import format_level
from harness.subjects.subject import Response

KINDS = ("main", "interaction")  # of effects that a paper shows
FEWEST, USUAL, MOST = 1, 3, 9  # decimals


@dataclass(frozen=True)
class Number:
    """A number of a table.

    Attributes:
        value: itself.
        half: half the interval around it; NaN where there is none.
        decimals: that are shown.
    """

    value: float
    half: float = NAN
    decimals: int = 0


@dataclass(frozen=True)
class Interval:
    """The ends of an interval.

    Attributes:
        low, high: these.
        decimals: that are shown.
    """

    low: float
    high: float
    decimals: int


@dataclass(frozen=True)
class Cell:
    """One place of a table.

    Attributes:
        content: what stands there.
        best: whether it is marked as the best of its column.
        notes: that stand below the table.
    """

    content: str | Number | Interval
    best: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class PaperTable:
    """A table of a paper.

    Attributes:
        name: of its file: "cells", "effects" or "claims".
        study: whose.
        caption: what it shows.
        head: names of the columns.
        rows: as many cells as there are columns.
        numeric: columns, counted from 0, that hold numbers.
        broken: columns whose text goes over several lines, and their share of the line.
        remarks: about the whole table.
    """

    name: str
    study: str
    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    numeric: frozenset[int]
    broken: Mapping[int, float] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    @property
    def notes(self) -> dict[str, str]:
        """The letter of each note, in the order in which they are met."""
        found = dict.fromkeys(note for row in self.rows for cell in row for note in cell.notes)
        return {note: letter(place) for place, note in enumerate(found)}


def paper_tables(source: Source) -> Iterator[PaperTable]:
    """The tables of a study whose runs can be compared; no claims where it has none."""
    yield _cells(source)
    yield _effects(source)
    if not source.claims.empty:
        yield _claims(source)


def letter(place: int) -> str:
    """The letter of a note.

    >>> [letter(place) for place in (0, 25, 26)]
    ['a', 'z', 'aa']
    """
    before, last = divmod(place, 26)
    return (letter(before - 1) if before else "") + chr(ord("a") + last)


def decimals(halves: Iterable[float]) -> int:
    """How many decimals show two digits of the median interval.

    >>> decimals([0.0364, 0.0123]), decimals([0.0004]), decimals([float("nan")])
    (3, 5, 3)
    """
    known = [half for half in halves if isfinite(half) and half > 0]
    if not known:
        return USUAL
    exponent = int(f"{median(known):.1e}".partition("e")[2])
    return min(max(1 - exponent, FEWEST), MOST)


def _cells(source: Source) -> PaperTable:
    """Every variant: the mean of each main response, and how many seeds it is of."""
    study, runs = source.study, source.data.runs
    names = dict.fromkeys((study.primary, *study.model.headline))
    columns = [list(_means(source, study.response(name))) for name in names]
    counts = source.means["n"]
    diverged = runs[runs["outcome"] == "diverged"]["variant"].value_counts()
    rows = [
        (
            *(Cell(format_level(level)) for level in cell.values()),
            *(column[place] for column in columns),
            _count(counts.get(variant, 0)),
            *([_count(diverged.get(variant, 0))] if len(diverged) else []),
        )
        for place, (variant, cell) in enumerate(source.cells.items())
    ]
    head = (
        *study.factors, *map(_axis, map(study.response, names)), "n",
        *(["diverged"] if len(diverged) else []),
    )  # fmt: skip
    remarks = (
        source.about_seeds(), source.about_capping(), "n: seeds of the first response.",
        "Bold: the best mean of its column; that is no test.",
    )  # fmt: skip
    return PaperTable(
        "cells", study.name, f"{study.question} Mean over seeds ± half the 95 % t interval.", head,
        tuple(rows), frozenset(range(len(study.factors), len(head))),
        remarks=tuple(filter(None, remarks)),
    )  # fmt: skip


def _means(source: Source, response: Response) -> Iterator[Cell]:
    """The mean of a response of every variant, the best marked where one way is better."""
    found = source.means_of(response).reindex(list(source.cells)) * _scale(response)
    halves = (found["high"] - found["low"]) / 2
    sign = {"lower": 1, "higher": -1, None: NAN}[response.direction]
    best = (found["mean"] * sign).min() * sign if len(found) > 1 else NAN
    for mean, half in zip(found["mean"], halves, strict=True):
        yield Cell(Number(mean, half, decimals(halves)), best=mean == best)


def _effects(source: Source) -> PaperTable:
    """Main effects and two-way interactions on the primary response."""
    table, response = source.effects, source.primary
    table = table[table["kind"].isin(KINDS)]
    table = table[(table["kind"] == "main") | ~table["note"].str.startswith(NOT_ESTIMABLE)]
    halves = (table["high"] - table["low"]) / 2 * _scale(response)
    shown = partial(Number, decimals=decimals(halves))
    rows = [
        (
            Cell(contrasted(row)),
            Cell(f"{row['by']}: {row['by_level']} − {row['by_versus']}" if row["by"] else ""),
            Cell(row["over"]),
            Cell(shown(row["estimate"] * _scale(response), half), notes=_about_effect(row)),
            _count(row["n"]),
        )
        for (_, row), half in zip(table.iterrows(), halves, strict=True)
    ]
    head = ("effect", "changed by", "averaged over", f"difference in {_axis(response, 'pp')}", "n")
    kept = [i for i in range(len(head)) if any(row[i].content != "" for row in rows)]
    remarks = ("Exploratory: intervals are not corrected for their number.", source.about_capping())
    return PaperTable(
        "effects", source.study.name,
        f"Effects on {response.label}, averaged over the other factors: mean over seeds ± half the "
        "95 % t interval. Two factors: difference of differences.",
        tuple(head[i] for i in kept), tuple(tuple(row[i] for i in kept) for row in rows),
        frozenset({len(kept) - 2, len(kept) - 1}), remarks=tuple(filter(None, remarks)),
    )  # fmt: skip


def _about_effect(row: pd.Series) -> tuple[str, ...]:
    ranks = "Ranks point the other way." if ranks_disagree(row) else ""
    where = f"CONDITIONAL: {row['conditional']}." if row["conditional"] else ""
    note = f"{capital(row['note'])}." if row["note"] else ""
    return tuple(filter(None, (where, ranks, note)))


def _claims(source: Source) -> PaperTable:
    """Every claim with its verdict, and the numbers it rests on."""
    table, levels = source.claims, sorted(set(source.claims["interval"]))
    stamps = [f"Exploratory: {table['stamps'].iloc[0]}."] if table["stamps"].any() else []
    head = ("claim", "verdict", "response", "claimed", "estimate", "interval", "p", "n")
    return PaperTable(
        "claims", source.study.name,
        "Claims and verdicts. Intervals are for the worst of a claim's cells, at the level "
        f"{', '.join(map(level_words, levels))}, and hold simultaneously; p is "
        "corrected.",
        head, tuple(_claim(source, row) for _, row in table.iterrows()),
        frozenset({4, 5, 6, 7}), {0: 0.3, 2: 0.15}, tuple(stamps),
    )  # fmt: skip


def _claim(source: Source, row: pd.Series) -> tuple[Cell, ...]:
    response = source.study.response(row["response"])
    unit = "%" if row["kind"] == "threshold" else "pp"
    numbers = row[["estimate", "low", "high", "bound", "margin"]] * _scale(response)
    estimate, low, high, bound, margin = numbers
    shown = apart(fixed, (low, high), (bound, margin, -margin), decimals([(high - low) / 2]))
    claimed = f"{SIDES[row['direction']]} {fixed(bound, shown)}"
    notes = (f"{capital(row[name])}." for name in ("condition", "why") if row[name])
    return (
        Cell(row["says"]), Cell(row["verdict"], notes=tuple(notes)), Cell(_axis(response, unit)),
        Cell(claimed), Cell(Number(estimate, decimals=shown)), Cell(Interval(low, high, shown)),
        Cell(p_value(row["p_adjusted"])), _count(row["n"]),
    )  # fmt: skip


def _scale(response: Response) -> float:
    return 100.0 if response.unit == "share" else 1.0


def _axis(response: Response, share: str = "%") -> str:
    """A response with its unit; shares in per cent, differences of them in percentage points."""
    return f"{response.label} [{share}]" if response.unit == "share" else response.axis


def _count(number: float) -> Cell:
    return Cell(Number(float(number)))
