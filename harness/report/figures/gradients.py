"""Histograms of gradients, for a few telling variants."""

from matplotlib.figure import Figure

from harness.report.histograms import describe, draw_histograms, spoken
from harness.report.source import Source

SECTION = "histograms"
PLACE = 2
TITLE = "Gradients by activation, first and last minibatch"


def caption(source: Source) -> str:  # noqa: ARG001 - the form of all figures
    """What is drawn."""
    return describe(
        "the loss's gradient by the hidden layers' outputs",
        "Curves of like width mean gradients of like size in all layers; scales differ by plot.",
    )  # fmt: skip


def alt(source: Source) -> str:
    """What it shows, in words."""
    return spoken(source, "gradient")


def draw(source: Source) -> Figure | None:
    """One plot a variant and moment, one line a layer."""
    return draw_histograms(source, "gradient", "gradient")
