"""The primary response by the levels of each factor: every run, and the mean over seeds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from harness.analysis.intervals import mean_intervals
from harness.report.canvas import NAMES, RIGHT, sheet
from harness.report.facets import ordered_factor, varying
from harness.report.source import Source, seeds_in_words
from harness.report.style import FAINT, INK, Look, ramp
from harness.report.words import capital, number
from harness.study import format_level

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SECTION = "effects"
PLACE = 2
TITLE = "Every run, by the level of each factor"


def caption(source: Source) -> str:
    """What is drawn."""
    hue = hue_factor(source)
    coloured = f", coloured by {hue}" if hue else ""
    return (
        f"{capital(source.primary_label)} of every run{coloured}; the bar beside them is the mean "
        "over all cells with that level, with its interval. "
        f"{source.capping_in_words}{seeds_in_words(source)}{source.primary_losses_in_words}"
    )


def alt(source: Source) -> str:
    """What it shows, in words."""
    parts = [
        f"{factor} {row['level']}: {number(row['mean'])}"
        for factor in varying(source.study)
        for _, row in by_level(source, factor).iterrows()
    ]
    return f"Mean {source.primary_label} by level: {'; '.join(parts)}."


def hue_factor(source: Source) -> str | None:
    """The factor that colours the runs: the ordered one, where it is not all there is."""
    return ordered_factor(source.study) if len(varying(source.study)) > 1 else None


def levelled(source: Source) -> pd.DataFrame:
    """The values with each factor's level as text."""
    texts = {
        name: {factor: format_level(level) for factor, level in cell.items()}
        for name, cell in source.cells.items()
    }
    return source.values.join(pd.DataFrame.from_dict(texts, orient="index"), on="variant")


def by_level(source: Source, factor: str) -> pd.DataFrame:
    """Mean over cells with a level within each seed; then mean over seeds and its interval.

    Of the seeds that have all these cells: else the means would be of different cells.
    """
    table = levelled(source).rename(columns={factor: "level"})
    blocks = table.groupby(["level", "seed"])["value"].agg(["mean", "size"]).reset_index()
    cells = source.study.size() // len(source.study.seeds) // len(source.study.factors[factor])
    blocks = blocks[blocks["size"] == cells].rename(columns={"mean": "value"})
    order = {format_level(level): i for i, level in enumerate(source.study.factors[factor])}
    rows = mean_intervals(blocks, ["level"])
    return rows.sort_values("level", key=lambda column: column.map(order)).reset_index(drop=True)


def draw(source: Source) -> Figure | None:
    """One plot a factor."""
    if source.values.empty:
        return None
    factors, hue = varying(source.study), hue_factor(source)
    table = levelled(source)
    levels = [format_level(level) for level in source.study.factors[hue]] if hue else []
    colours = ramp(len(levels))
    key: list[tuple[str, Look | None]] = [(hue, None)] if hue else []
    key += [(name, Look(colour, "o", "none")) for name, colour in zip(levels, colours, strict=True)]
    made = sheet(len(factors), min(4, len(factors)), height=2.2, titled=False, key=key,
                 share_x=False, right=NAMES if source.primary_losses else RIGHT)  # fmt: skip
    for i, (ax, factor) in enumerate(zip(made.axes, factors, strict=True)):
        draw_factor(ax, source, table, factor, hue, dict(zip(levels, colours, strict=True)))
        ax.set_xlabel(factor)
        ax.set_ylabel("" if i % made.per_row else source.primary_label)
        ax.tick_params(labelleft=i % made.per_row == 0)
    made.references(source.primary_losses)
    return made.figure


def draw_factor(
    ax: Axes, source: Source, table: pd.DataFrame, factor: str, hue: str | None,
    colours: dict[str, str],
) -> None:  # fmt: skip
    """The runs of each level as dots, a column a colour, and beside them the level's mean."""
    import seaborn as sns

    order = [format_level(level) for level in source.study.factors[factor]]
    columns = dict(zip(colours, np.linspace(-0.32, 0.08, len(colours)), strict=True))
    at = table[factor].map(order.index).astype(float)
    if hue and hue != factor:
        at += table[hue].map(columns)
    sns.scatterplot(
        table.assign(at=at), x="at", y="value", hue=hue, hue_order=list(colours) or None,
        palette=colours or None, color=None if hue else FAINT, s=9, alpha=0.6, linewidth=0,
        ax=ax, legend=False,
    )  # fmt: skip
    ax.set_xticks(range(len(order)), order)
    ax.grid(visible=False, axis="x")
    means = by_level(source, factor)
    x = [order.index(level) + 0.27 for level in means["level"]]
    mean = means["mean"].to_numpy()
    error = [mean - means["low"].to_numpy(), means["high"].to_numpy() - mean]
    ax.errorbar(x, mean, yerr=None if means["low"].isna().all() else error, linestyle="none",
                marker="_", markersize=10, color=INK, linewidth=1.2)  # fmt: skip
    ax.set_xlim(-0.5, len(order) - 0.5)
