"""Interaction grid: the primary response over an ordered factor, one line a combination."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.report.canvas import NAMES, RIGHT, sheet
from harness.report.facets import Panel, facets, ordered_factor, varying
from harness.report.source import Source, seeds_in_words
from harness.report.words import capital, number
from harness.study import format_level

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SECTION = "interaction"
TITLE = "Every cell: what depends on what"
DODGE = 0.08  # of the distance between levels


def along(source: Source) -> str | None:
    """The factor along the axis; None where there is only one, which has its own figure."""
    names = varying(source.study)
    if len(names) < 2:
        return None
    return ordered_factor(source.study) or names[-1]


def caption(source: Source) -> str:
    """What is drawn."""
    over = along(source)
    note = facets(source.study, over).note if over else ""
    return (
        f"{capital(source.primary_label)} of every cell, by {over}: "
        "mean over seeds with its interval; small dots are the runs. Parallel lines mean that "
        "parts add up; lines that cross or part, that what one is worth depends on another. "
        f"{source.capping_in_words}{seeds_in_words(source)}{source.primary_losses_in_words}{note}"
    )


def alt(source: Source) -> str:
    """What it shows, in words."""
    means = source.means["mean"].dropna().sort_values(kind="stable")
    if means.empty:
        return "No cell has the primary response."
    best, worst = means.index[0], means.index[-1]
    return (
        f"{capital(source.primary_label)} of {len(means)} cells: lowest {number(means[best])} "
        f"({best}), highest {number(means[worst])} ({worst})."
    )


def draw(source: Source) -> Figure | None:
    """One line a combination of colour and line style."""
    over = along(source)
    if over is None or source.values.empty:
        return None
    shape = facets(source.study, over)
    levels = source.study.factors[over]
    made = sheet(len(shape.panels), min(2, shape.per_row), height=2.3, key=shape.keys(),
                 titled=any(panel.title for panel in shape.panels),
                 right=NAMES if source.primary_losses else RIGHT)  # fmt: skip
    for ax, panel in zip(made.axes, shape.panels, strict=True):
        ax.set_title(panel.title)
        draw_panel(ax, source, panel, over)
    made.axes[0].set_xticks(range(len(levels)), [format_level(level) for level in levels])
    made.axes[0].set_xlim(-0.4, len(levels) - 0.6)
    made.references(source.primary_losses)
    made.outer(over, source.primary_label)
    return made.figure


def draw_panel(ax: Axes, source: Source, panel: Panel, over: str) -> None:
    """The lines of one plot, a little apart so that intervals do not hide each other."""
    for i, (cell, look) in enumerate(panel.cells):
        names = [source.label({**cell, over: level}) for level in source.study.factors[over]]
        rows = source.means.reindex(names)
        x = np.arange(len(names)) + DODGE * (i - (len(panel.cells) - 1) / 2)
        mean = rows["mean"].to_numpy()
        error = [mean - rows["low"].to_numpy(), rows["high"].to_numpy() - mean]
        ax.errorbar(
            x, mean, yerr=error if rows["low"].notna().any() else None, color=look.colour,
            marker=look.marker, linestyle=look.line, linewidth=1.2, markerfacecolor=look.fill,
        )  # fmt: skip
        for place, name in zip(x, names, strict=True):
            runs = source.values.loc[source.values["variant"] == name, "value"]
            ax.plot([place] * len(runs), runs, ".", color=look.colour, alpha=0.4, markersize=3)
