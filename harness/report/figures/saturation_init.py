"""Saturation of each hidden layer at initialisation."""

from matplotlib.figure import Figure

from harness.report.saturation import describe, draw_saturation, spoken
from harness.report.source import Source

SECTION = "saturation"
PLACE = 1
TITLE = "Saturation by layer, at initialisation"


def caption(source: Source) -> str:
    """What is drawn."""
    return describe(source, "on the first minibatch, in training mode")


def alt(source: Source) -> str:
    """What it shows, in words."""
    return spoken(source, "init", "at initialisation")


def draw(source: Source) -> Figure | None:
    """One line a variant."""
    return draw_saturation(source, "init")
