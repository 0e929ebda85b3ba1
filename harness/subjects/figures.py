"""Figures that a subject declares: which series, drawn how. `harness.report` draws them.

Each figure shows what was measured while the networks trained, in small multiples with one line a
variant unless it says otherwise.
"""

from dataclasses import dataclass
from typing import Literal

When = Literal["init", "last", "final"]


@dataclass(frozen=True)
class Reference:
    """A value worth comparing a response with: a dotted line in its figures.

    Attributes:
        name: beside the line.
        value: where it is drawn.
        meaning: in captions.
    """

    name: str
    value: float
    meaning: str


@dataclass(frozen=True)
class CurveFigure:
    """A curve over the steps.

    Attributes:
        name: of its files.
        section: the part of the report it belongs to.
        title, caption: what it shows, in short and in full.
        metric: the curve's.
        response: the one that the curve leads to. Where it is capped, the figure shows the values
            worth comparing with, and ends a little above the cap; "" where there is none.
        log_steps: whether steps are drawn on a logarithmic axis, which shows how training starts.
    """

    name: str
    section: str
    title: str
    caption: str
    metric: str
    response: str = ""
    log_steps: bool = False


@dataclass(frozen=True)
class LayerFigure:
    """A quantity over the layers.

    Attributes:
        name, section, title, caption: as of a `CurveFigure`.
        quantity: the series.
        when: "init" and "last" are training mode on the first and the last minibatch, "final" is
            eval mode over a whole split after the last step.
        axis: label of the quantity's axis.
        share: whether it is a share, shown in per cent.
        log: whether its axis is logarithmic.
        reference: a value worth comparing with.
    """

    name: str
    section: str
    title: str
    caption: str
    quantity: str
    when: When
    axis: str
    share: bool = False
    log: bool = False
    reference: Reference | None = None


@dataclass(frozen=True)
class HeatFigure:
    """A quantity over layers, variants and a few steps, as colours.

    Attributes:
        name, section, title, caption: as of a `CurveFigure`.
        quantity: the series.
        axis: label of the quantity's colours.
        share: whether it is a share, shown in per cent, with more colours for small ones.
    """

    name: str
    section: str
    title: str
    caption: str
    quantity: str
    axis: str
    share: bool = False


@dataclass(frozen=True)
class HistogramFigure:
    """Histograms by layer at the first and the last minibatch, for a few variants.

    Attributes:
        name, section, title, caption: as of a `CurveFigure`.
        kind: the series is named so, with "_histogram" behind it.
        axis: label of the value's axis.
    """

    name: str
    section: str
    title: str
    caption: str
    kind: str
    axis: str


@dataclass(frozen=True)
class WeightFigure:
    """A quantity of each weight over the steps, for a few variants.

    Attributes:
        name, section, title, caption: as of a `CurveFigure`.
        quantity: the series.
        axis: label of the quantity's axis.
        apart: what weight 0 is, where it is of another kind than the others; it is drawn dashed.
        reference: a value worth comparing with.
    """

    name: str
    section: str
    title: str
    caption: str
    quantity: str
    axis: str
    apart: str = ""
    reference: Reference | None = None


Figure = CurveFigure | LayerFigure | HeatFigure | HistogramFigure | WeightFigure
