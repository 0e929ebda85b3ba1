"""Gradient flow at the last step."""

from matplotlib.figure import Figure

from harness.report.gradient_flow import describe, draw_gradients, spoken
from harness.report.source import Source

SECTION = "gradients"
PLACE = 2
TITLE = "Gradient flow at the last step"


def caption(source: Source) -> str:
    """What is drawn."""
    return describe(source, "the last minibatch")


def alt(source: Source) -> str:
    """What it shows, in words."""
    return spoken(source, "last", "at the last step")


def draw(source: Source) -> Figure | None:
    """One line a variant."""
    return draw_gradients(source, "last")
