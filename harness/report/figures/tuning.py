"""The deciding response against the tuned levels, one line a variant."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from harness.analysis.tuning import levels_in_order
from harness.report.canvas import Layout, scale_as
from harness.report.drawing import Drawing
from harness.report.facets import left_out
from harness.report.focus import Focus, about_focus, focus
from harness.report.lines import error_bars
from harness.report.names import NameTicks
from harness.report.source import Source
from harness.report.style import COLOURS, INK, MARKERS, LineStyle
from harness.report.words import capital, measured, unbroken

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PER_PLOT = 6  # variants; colours and marks tell so many apart
MOST = 36  # variants that are drawn
HEIGHT = 2.2  # inches of a plot
LINE = 0.16  # inches that a line of a plot's legend takes


def _caption(source: Source) -> str:
    response = source.study.response(source.study.selected_by)
    best = "lowest" if response.direction == "lower" else "highest"
    parts = (
        f"{capital(response.axis)} of each variant at every level of "
        f"{' and '.join(source.study.tuned)}: mean over seeds with its 95 % interval. The large "
        f"mark is the {best} mean; if it is at the end of a line, a better level may lie beyond.",
        source.about_capping(),
        about_focus(_focus(source)),
        left_out(MOST, len(source.cells), "the first ones"),
    )
    return " ".join(filter(None, parts))


def _focus(source: Source) -> Focus | None:
    return focus(source.tuning["mean"])


def _alt(source: Source) -> str:
    response = source.study.response(source.study.selected_by)
    best = []
    for variant, rows in source.tuning.groupby("variant", sort=False):
        row = rows.iloc[_best(rows["mean"].to_numpy(), response.direction == "lower")]
        best.append(f"{variant} {unbroken(measured(response, row['mean']))} at {row['level']}")
    return f"Best mean {response.label}: {'; '.join(best[:MOST])}."


def _best(means: np.ndarray, lowest: bool) -> int:
    return int(means.argmin() if lowest else means.argmax())


def _draw(source: Source) -> Figure | None:
    """Plots of a few variants each; levels stand at equal distances, which suits ratios."""
    table = source.tuning
    if not source.study.tuned or table.empty:
        return None
    response = source.study.response(source.study.selected_by)
    levels, variants = levels_in_order(source.study), list(source.cells)[:MOST]
    groups = [variants[i : i + PER_PLOT] for i in range(0, len(variants), PER_PLOT)]
    single = len(source.study.tuned) == 1
    labels = [level.split(" ", 1)[1] if single else level for level in levels]
    layout = Layout(len(groups), min(2, len(groups)), height=HEIGHT, gap=0.3, share_x="none")
    ticks = NameTicks.of(labels, layout.columns[0])
    sheet = replace(layout, bottom=ticks.room + LINE * (len(groups[0]) + 1)).sheet()
    for ax, group in zip(sheet.axes, groups, strict=True):
        for i, variant in enumerate(group):
            rows = table[table["variant"] == variant]
            if rows.empty:
                continue
            style = LineStyle(COLOURS[i % len(COLOURS)], MARKERS[i % len(MARKERS)], "-")
            x = np.array([levels.index(level) for level in rows["level"]], float)
            x += 0.05 * (i - (len(group) - 1) / 2)
            mean = rows["mean"].to_numpy()
            ax.errorbar(x, mean, yerr=error_bars(rows), color=style.colour, linewidth=1.2,
                        marker=style.marker, markersize=4, label=variant)  # fmt: skip
            best = _best(mean, response.direction == "lower")
            ax.plot(x[best], mean[best], marker=style.marker, markersize=9, color=style.colour,
                    markeredgecolor=INK)  # fmt: skip
        ticks.put_under(ax)
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -ticks.room / HEIGHT), fontsize=7,
                  frameon=False, labelspacing=0.2)  # fmt: skip
    sheet.put_focus(_focus(source))
    scale_as(sheet.axes[0].yaxis, response)
    name = next(iter(source.study.tuned)) if single else ""
    sheet.label_outer(name, response.axis)
    for ax in sheet.axes:
        ax.set_xlabel(name, labelpad=1)
    return sheet.figure


FIGURE = Drawing("tuning", "Tuning", "Each variant at every tuned level", _caption, _alt, _draw)
