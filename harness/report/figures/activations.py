"""Histograms of activations, for a few telling variants."""

from matplotlib.figure import Figure

from harness.report.histograms import describe, draw_histograms, spoken
from harness.report.source import Source

SECTION = "histograms"
PLACE = 1
TITLE = "Activations, first and last minibatch"


def caption(source: Source) -> str:  # noqa: ARG001 - the form of all figures
    """What is drawn."""
    return describe("the hidden layers' outputs", "Mass at ±1 is saturation.")


def alt(source: Source) -> str:
    """What it shows, in words."""
    return spoken(source, "activation")


def draw(source: Source) -> Figure | None:
    """One plot a variant and moment, one line a layer."""
    return draw_histograms(source, "activation", "activation")
