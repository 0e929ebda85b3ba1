"""How each kind of figure that a subject declares is drawn, one kind a file.

`harness.subjects.figures` says what can be declared. A new kind is a dataclass there, a module here
with a function from it to a `Drawing`, and a case below.
"""

from typing import assert_never

from harness.report.declared.curves import curve_drawing
from harness.report.declared.heat import heat_drawing
from harness.report.declared.histograms import histogram_drawing
from harness.report.declared.layers import layer_drawing
from harness.report.declared.weights import weight_drawing
from harness.report.drawing import Drawing
from harness.subjects.figures import (
    CurveFigure,
    Figure,
    HeatFigure,
    HistogramFigure,
    LayerFigure,
    WeightFigure,
)


def declared_drawing(figure: Figure) -> Drawing:
    """The drawing of a figure that a subject declares."""
    match figure:
        case CurveFigure():
            return curve_drawing(figure)
        case LayerFigure():
            return layer_drawing(figure)
        case HeatFigure():
            return heat_drawing(figure)
        case HistogramFigure():
            return histogram_drawing(figure)
        case WeightFigure():
            return weight_drawing(figure)
        case _:
            assert_never(figure)
