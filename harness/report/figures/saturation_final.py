"""Saturation of each hidden layer of the trained network."""

from matplotlib.figure import Figure

from harness.report.saturation import describe, draw_saturation, spoken
from harness.report.source import Source

SECTION = "saturation"
PLACE = 2
TITLE = "Saturation by layer, after training"


def caption(source: Source) -> str:
    """What is drawn."""
    return describe(source, "over the whole dev split, in eval mode, after the last step")


def alt(source: Source) -> str:
    """What it shows, in words."""
    return spoken(source, "final", "after training")


def draw(source: Source) -> Figure | None:
    """One line a variant."""
    return draw_saturation(source, "final")
