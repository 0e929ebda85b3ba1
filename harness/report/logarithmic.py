"""A logarithmic axis whose places have the same bits on every machine.

Matplotlib's own takes logarithms and powers of NumPy, which differ in their last digits; a
coordinate that is rounded then falls to either side.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
from matplotlib.scale import InvertedLogTransform, LogScale, LogTransform
from matplotlib.ticker import LogLocator

from harness.subjects.exact import log

LOG10_E = 0.4342944819032518
BELOW_ALL = -1000.0  # stands for the logarithm of what has none, as in matplotlib


class Logarithmic(LogScale):
    """The scale: powers of ten at equal distances."""

    def get_transform(self) -> LogTransform:
        """From values to places."""
        return _Log(10)


class _Log(LogTransform):
    def transform_non_affine(self, values: Any) -> Any:
        numbers = np.asarray(values, np.float64)
        return np.where(numbers <= 0, BELOW_ALL, log(numbers) * LOG10_E)

    def inverted(self) -> InvertedLogTransform:
        return _Power(10)


class _Power(InvertedLogTransform):
    def transform_non_affine(self, values: Any) -> Any:
        powers = [float(Decimal(10) ** Decimal(place)) for place in np.ravel(values).tolist()]
        return np.reshape(powers, np.shape(values))

    def inverted(self) -> LogTransform:
        return _Log(10)


class LogTicks(LogLocator):
    """Ticks at powers of ten, or at multiples of them, as decimal fractions that are exact."""

    def tick_values(self, vmin: float, vmax: float) -> Any:
        """Places of the ticks from vmin to vmax, and a little beyond."""
        return np.array([float(f"{tick:.12g}") for tick in super().tick_values(vmin, vmax)])
