"""Gradient flow at initialisation."""

from matplotlib.figure import Figure

from harness.report.gradient_flow import describe, draw_gradients, spoken
from harness.report.source import Source

SECTION = "gradients"
PLACE = 1
TITLE = "Gradient flow at initialisation"


def caption(source: Source) -> str:
    """What is drawn."""
    return describe(source, "the first minibatch")


def alt(source: Source) -> str:
    """What it shows, in words."""
    return spoken(source, "init", "at initialisation")


def draw(source: Source) -> Figure | None:
    """One line a variant."""
    return draw_gradients(source, "init")
