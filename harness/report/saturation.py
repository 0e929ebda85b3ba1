"""Saturation by layer: what its figures share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.history import SATURATED
from harness.report.canvas import NAMES
from harness.report.facets import facets
from harness.report.lines import profile, told
from harness.report.source import Source, seeds_in_words

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WANTED = 0.05  # share of saturated outputs under which a layer is said to be healthy


def describe(source: Source, measured: str) -> str:
    """The caption."""
    return (
        f"Share of hidden outputs with an absolute value above {SATURATED}, {measured}. The dotted "
        f"line is the usual limit of {WANTED:.0%}. {seeds_in_words(source)}"
        f"{facets(source.study).note}"
    )


def spoken(source: Source, when: str, words: str) -> str:
    """The text alternative, with the extremes in numbers."""
    return f"Saturation by layer {words}{told(source, 'saturation', when, '.1%')}."


def draw_saturation(source: Source, when: str) -> Figure | None:
    """Saturation over the layers, one line a variant."""
    drawn = profile(source, "saturation", when, NAMES)
    if drawn is None:
        return None
    from matplotlib.ticker import PercentFormatter

    sheet, _ = drawn
    sheet.axes[0].yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    top = max(ax.dataLim.ymax for ax in sheet.axes)
    sheet.axes[0].set_ylim(-0.03 * max(top, 0.1), max(1.08 * top, 0.1))
    sheet.references({f"{WANTED:.0%}": WANTED})
    sheet.outer("layer", f"share with |h| > {SATURATED}")
    return sheet.figure
