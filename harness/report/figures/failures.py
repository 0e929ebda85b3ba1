"""Failed runs of each variant, and how many more its seeds cannot exclude."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from harness.analysis.failures import DISTANCE
from harness.report.canvas import Layout
from harness.report.drawing import Drawing
from harness.report.facets import left_out
from harness.report.names import fitting
from harness.report.source import Source
from harness.report.style import COLOURS, INK, LineStyle

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_ROWS = 40
ROW = 0.17  # inches
DIVERGED, FAR_OFF = LineStyle(COLOURS[1], "s", "none"), LineStyle(COLOURS[0], "o", "none")


def _failing(source: Source) -> pd.DataFrame:
    """The variants with failed runs, those with most first."""
    table = source.failures
    return table[table["failed"] > 0].sort_values("share", ascending=False, kind="stable")


def _caption(source: Source) -> str:
    table, rows = source.failures, _failing(source)
    others = table[table["failed"] == 0]
    parts = (
        f"Share of runs of each variant that failed in {source.primary.label}: they diverged, "
        f"or ended more than {DISTANCE:.0f} robust standard deviations from the median of the "
        "variant. The line ends at the largest share that the seeds cannot exclude, at 95 %.",
        f"For the {len(others)} variants without a failed run, it is up to "
        f"{100 * others['limit'].max():.0f} %." if len(others) else "",
        left_out(min(MOST_ROWS, len(rows)), len(rows), "those that fail most"),
    )  # fmt: skip
    return " ".join(filter(None, parts))


def _alt(source: Source) -> str:
    rows = _failing(source).head(MOST_ROWS)
    said = (f"{row['variant']} {row['failed']} of {row['n']}" for _, row in rows.iterrows())
    return f"Failed runs: {'; '.join(said)}."


def _draw(source: Source) -> Figure | None:
    """One row a variant."""
    from harness.report.ticks import PlainTicks

    if source.primary.at_init:
        return None
    rows = _failing(source).head(MOST_ROWS)
    if rows.empty:
        return None
    labels, left = fitting(rows["variant"])
    sheet = Layout(
        1, 1, height=ROW * (len(rows) + 1), left=left,
        key=(("diverged", DIVERGED), ("failed", FAR_OFF)),
    ).sheet()  # fmt: skip
    ax, places = sheet.axes[0], range(len(rows))
    ax.hlines(places, rows["share"], rows["limit"], color=INK, linewidth=1)
    ax.plot(rows["limit"].to_numpy(), places, "|", color=INK)
    ax.plot(rows["share"].to_numpy(), places, FAR_OFF.marker, color=FAR_OFF.colour, markersize=7)
    diverged = (rows["diverged"] / rows["n"]).where(rows["diverged"] > 0)
    ax.plot(diverged.to_numpy(), places, DIVERGED.marker, color=DIVERGED.colour, markersize=3)
    ax.set_yticks(places, labels)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.set_xlim(0, 1.02)
    ax.grid(axis="y", visible=False)
    ax.xaxis.set_major_formatter(PlainTicks("%"))
    ax.set_xlabel("share of the variant's runs")
    return sheet.figure


FIGURE = Drawing("failures", "Run accounting", "Failed runs by variant", _caption, _alt, _draw)
