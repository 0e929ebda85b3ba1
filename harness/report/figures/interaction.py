"""Interaction grid: the primary response over an ordered factor, one line a combination."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from harness.analysis.grid import cell_label
from harness.report.canvas import NAMES, RIGHT, Layout, scale_as
from harness.report.drawing import Drawing
from harness.report.facets import facets, ordered_factor, varying
from harness.report.focus import Focus, about_focus, focus
from harness.report.lines import error_bars
from harness.report.marks import level_names, mark, mark_rest, run_numbers
from harness.report.names import NameTicks
from harness.report.source import Source
from harness.report.words import capital, number
from harness.study.levels import format_level

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DODGE = 0.08  # of the distance between levels, so that intervals do not hide each other


def _along(source: Source) -> str | None:
    """The factor along the axis; None of a study without combinations, and of a single factor."""
    names = varying(source.study)
    if len(names) < 2 or source.study.design == "one_at_a_time":
        return None
    return ordered_factor(source.study) or names[-1]


def _caption(source: Source) -> str:
    over = _along(source)
    parts = (
        f"{capital(source.primary.axis)} of every cell, by {over}: mean over seeds with its "
        "interval; small dots are the runs. Parallel lines mean that effects add up; lines "
        "that are not parallel, that the effect of one factor depends on another.",
        source.about_capping(),
        source.about_seeds(),
        source.about_references(source.primary),
        about_focus(_focus(source)),
        facets(source.study, over).note if over else "",
    )
    return " ".join(filter(None, parts))


def _focus(source: Source) -> Focus | None:
    return focus(source.means["mean"])


def _alt(source: Source) -> str:
    means = source.means["mean"].dropna().sort_values(kind="stable")
    if means.empty:
        return "No cell has the primary response."
    best, worst = means.index[0], means.index[-1]
    return (
        f"{capital(source.primary.axis)} of {len(means)} cells: lowest {number(means[best])} "
        f"({best}), highest {number(means[worst])} ({worst})."
    )


def _draw(source: Source) -> Figure | None:
    """One line a combination of colour and line style."""
    over = _along(source)
    if over is None or source.values.empty:
        return None
    shape, levels = facets(source.study, over), source.study.factors[over]
    references, numbers = source.references(source.primary), run_numbers(source)
    few = len(shape.panels) in (1, 2, 4)
    layout = Layout(len(shape.panels), 2 if few else 3, height=2.3 if few else 1.7, key=shape.key,
                    titles=shape.titles, right=NAMES if references else RIGHT)  # fmt: skip
    ticks = NameTicks.of([format_level(level) for level in levels], min(layout.columns))
    sheet = replace(layout, bottom=ticks.room).sheet()
    for ax, panel in zip(sheet.axes, shape.panels, strict=True):
        for i, (cell, style) in enumerate(panel.cells):
            names = [cell_label(source.study, {**cell, over: level}) for level in levels]
            rows = source.means.reindex(names)
            x = np.arange(len(names)) + DODGE * (i - (len(panel.cells) - 1) / 2)
            ax.errorbar(
                x, rows["mean"].to_numpy(), yerr=error_bars(rows), color=style.colour,
                marker=style.marker, linestyle=style.line, linewidth=1.2,
                markerfacecolor=style.fill,
            )  # fmt: skip
            for place, name in zip(x, names, strict=True):
                runs = source.values[source.values["variant"] == name]
                (dots,) = ax.plot([place] * len(runs), runs["value"], ".", color=style.colour,
                                  alpha=0.4, markersize=3)  # fmt: skip
                mark(dots, run=[numbers[name, seed] for seed in runs["seed"]])
            mark_rest(ax, level_names(source.study, cell))
        ticks.put_under(ax)
    sheet.put_focus(_focus(source))
    scale_as(sheet.axes[0].yaxis, source.primary)
    sheet.draw_references(references)
    sheet.label_outer(over, source.primary.axis)
    return sheet.figure


FIGURE = Drawing(
    "interaction", "Interactions", "Every cell: what depends on what", _caption, _alt, _draw
)
