"""The primary response by the levels of each factor: every run, and the mean over seeds."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from harness.analysis.grid import cell_label
from harness.analysis.intervals import mean_intervals
from harness.report.canvas import NAMES, RIGHT, Layout, scale_as
from harness.report.drawing import Drawing
from harness.report.facets import ordered_factor, varying
from harness.report.focus import Focus, about_focus, focus
from harness.report.lines import error_bars
from harness.report.marks import mark, run_numbers
from harness.report.names import NameTicks
from harness.report.source import Source
from harness.report.style import FAINT, INK, LineStyle, ramp
from harness.report.words import capital, number
from harness.study.levels import Levels, format_level

if TYPE_CHECKING:
    from matplotlib.figure import Figure


MOST_PER_ROW = 4  # plots beside each other
FEWEST = 3  # levels that a plot has room for, at least


def _caption(source: Source) -> str:
    hue, study = _hue_factor(source), source.study
    shown = f"every run{f', coloured by {hue}' if hue else ''}"
    cells = "all cells with that level"
    if study.design == "one_at_a_time":
        shown, cells = "every run with that level and all else at the baseline", "seeds"
    elif study.partial:
        cells = "those combinations of the other factors that have every level of this one"
    parts = (
        f"{capital(source.primary.axis)} of {shown}; the bar next to them is the mean over "
        f"{cells}, with its interval.",
        about_focus(_focus(source)),
        source.about_capping(),
        source.about_seeds(),
        source.about_references(source.primary),
    )
    return " ".join(filter(None, parts))


def _focus(source: Source) -> Focus | None:
    return focus(source.values["value"])


def _alt(source: Source) -> str:
    parts = [
        f"{factor} {row['level']}: {number(row['mean'])}"
        for factor in varying(source.study)
        for _, row in _by_level(source, factor).iterrows()
    ]
    return f"Mean {source.primary.axis} by level: {'; '.join(parts)}."


def _hue_factor(source: Source) -> str | None:
    """The factor that colours the runs: the ordered one, where others stand with its levels."""
    study = source.study
    combined = len(varying(study)) > 1 and study.design == "full"
    return ordered_factor(study) if combined else None


def _compared(source: Source, factor: str) -> set[str]:
    """The variants in places that have every level of a factor: those to compare levels by."""
    parts: list[Levels] = [{factor: level} for level in source.study.factors[factor]]
    places = source.study.places(parts, {})
    return {cell_label(source.study, place | part) for place in places for part in parts}


def _level_of(source: Source, factor: str) -> pd.Series:
    """A factor's level of each value, as text."""
    levels = {name: format_level(cell[factor]) for name, cell in source.cells.items()}
    return source.values["variant"].map(levels)


def _by_level(source: Source, factor: str) -> pd.DataFrame:
    """Mean over cells with a level within each seed; then mean over seeds and its interval.

    Of the places that have every level, and of the seeds that have all these cells: else the means
    would be of different cells.
    """
    levels = [format_level(level) for level in source.study.factors[factor]]
    compared = _compared(source, factor)
    table = source.values.assign(level=_level_of(source, factor))
    blocks = mean_intervals(table[table["variant"].isin(compared)], ["level", "seed"])
    blocks = blocks[blocks["n"] == len(compared) // len(levels)]
    rows = mean_intervals(blocks.assign(value=blocks["mean"]), ["level"])
    return rows.sort_values("level", key=lambda column: column.map(levels.index), ignore_index=True)


def _draw(source: Source) -> Figure | None:
    """One plot a factor: the runs of a level as dots, a column a colour, beside them their mean."""
    if source.values.empty:
        return None
    import seaborn as sns

    factors, hue = varying(source.study), _hue_factor(source)
    levels = {factor: [format_level(level) for level in source.study.factors[factor]]
              for factor in factors}  # fmt: skip
    hues = levels[hue] if hue else []
    colours = dict(zip(hues, ramp(len(hues)), strict=True))
    columns = dict(zip(hues, np.linspace(-0.32, 0.08, len(hues)), strict=True))
    key: list[tuple[str, LineStyle | None]] = [(hue, None)] if hue else []
    key += [(name, LineStyle(colour, "o", "none")) for name, colour in colours.items()]
    references, numbers = source.references(source.primary), run_numbers(source)
    per_row = min(MOST_PER_ROW, len(factors))
    counts = [max(FEWEST, len(levels[factor])) for factor in factors]
    layout = Layout(
        len(factors), per_row, height=2.2, share_x="none", key=tuple(key),
        right=NAMES if references else RIGHT,
        widths=tuple(float(max(counts[i::per_row])) for i in range(per_row)),
    )  # fmt: skip
    ticks = [NameTicks.of(levels[factor], layout.columns[i % per_row])
             for i, factor in enumerate(factors)]  # fmt: skip
    sheet = replace(layout, bottom=max(one.room for one in ticks)).sheet()
    for i, (ax, factor) in enumerate(zip(sheet.axes, factors, strict=True)):
        at = _level_of(source, factor).map(levels[factor].index).astype(float)
        if hue and hue != factor:
            at += _level_of(source, hue).map(columns)
        if source.study.design == "one_at_a_time":  # other runs have their own plots
            at = at[source.values["variant"].isin(_compared(source, factor))]
        sns.scatterplot(
            x=at, y=source.values["value"][at.index], hue=_level_of(source, hue) if hue else None,
            hue_order=hues or None, palette=colours or None, color=None if hue else FAINT, s=9,
            alpha=0.6, linewidth=0, ax=ax, legend=False,
        )  # fmt: skip
        runs = source.values.loc[at.index, ["variant", "seed"]].itertuples(index=False, name=None)
        mark(ax.collections[-1], run=[numbers[run] for run in runs])
        means = _by_level(source, factor)
        ax.errorbar(
            [levels[factor].index(level) + 0.27 for level in means["level"]],
            means["mean"].to_numpy(), yerr=error_bars(means), linestyle="none", marker="_",
            markersize=10, color=INK, linewidth=1.2,
        )  # fmt: skip
        ticks[i].put_under(ax)
        ax.grid(visible=False, axis="x")
        first = i % sheet.per_row == 0
        ax.set(xlabel=factor, ylabel=source.primary.axis if first else "")
        ax.tick_params(labelleft=first)
    sheet.put_focus(_focus(source))
    scale_as(sheet.axes[0].yaxis, source.primary)
    sheet.draw_references(references)
    return sheet.figure


FIGURE = Drawing(
    "final_loss", "Effects", "Every run, by the level of each factor", _caption, _alt, _draw
)
