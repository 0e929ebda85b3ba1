"""The size of gradients by layer: what its figures share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.report.canvas import log_ticks
from harness.report.facets import facets
from harness.report.lines import profile, told
from harness.report.source import Source, seeds_in_words

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def describe(source: Source, measured: str) -> str:
    """The caption."""
    return (
        "Standard deviation of the loss's gradient by each hidden layer's outputs, on "
        f"{measured}, in training mode, on a logarithmic axis. Level lines pass gradients on "
        "unchanged; a line that falls with the layer means gradients that grow on their way back, "
        f"one that rises, gradients that fade. "
        "A band that falls to the lower edge is an interval that reaches 0. "
        f"{seeds_in_words(source)}"
        f"{facets(source.study).note}"
    )


def spoken(source: Source, when: str, words: str) -> str:
    """The text alternative, with the extremes in numbers."""
    extremes = told(source, "gradient_std", when, ".2g")
    return f"Standard deviation of gradients by layer {words}{extremes}."


def draw_gradients(source: Source, when: str) -> Figure | None:
    """Gradient size over the layers, one line a variant."""
    drawn = profile(source, "gradient_std", when)
    if drawn is None:
        return None
    sheet, _ = drawn
    sheet.axes[0].set_yscale("log")
    log_ticks(sheet.axes[0].yaxis)
    sheet.outer("layer", "std of gradient")
    return sheet.figure
