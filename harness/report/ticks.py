"""Ticks along axes: where they stand, and their numbers as tables write them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axis import Axis
from matplotlib.scale import FuncScale
from matplotlib.ticker import Formatter, Locator, MaxNLocator

from harness.report.focus import Focus

SMALL, LARGE = 1e-3, 1e7  # numbers beyond are written with a power of ten
MOST_DECIMALS = 6
STEPS = (1, 2, 5, 10)
APART = 0.09  # of the axis, between two ticks


class PlainTicks(Formatter):
    """Numbers in as many decimals as the finest of them needs.

    >>> PlainTicks("%").format_ticks([-0.025, 0.0, 0.025])
    ['−2.5\\xa0%', '0.0\\xa0%', '2.5\\xa0%']

    Args:
        percent: "%" or "pp" of shares, which are shown in hundredths; "" of all else.
    """

    def __init__(self, percent: str = "") -> None:
        self.percent = percent

    def __call__(self, value: float, pos: int | None = None) -> str:  # noqa: ARG002
        """A single number."""
        return self.format_ticks([value])[0]

    def format_ticks(self, values: Sequence[float]) -> list[str]:
        """All numbers of an axis."""
        shown = [100 * value if self.percent else value for value in values]
        largest = max(map(abs, shown), default=0.0)
        if largest and not SMALL <= largest < LARGE:
            return [powered(value) for value in shown]
        exact = (
            decimals for decimals in range(MOST_DECIMALS)
            if all(abs(round(value, decimals) - value) < 1e-6 * largest for value in shown)
        )  # fmt: skip
        decimals = next(exact, MOST_DECIMALS if largest else 0)
        unit = f"\xa0{self.percent}" if self.percent else ""
        return [
            f"{round(value, decimals) + 0:,.{decimals}f}{unit}".replace("-", "−")
            for value in shown
        ]  # fmt: skip


def powered(value: float) -> str:
    """A number as a multiple of a power of ten: "2e−5"."""
    digits, power = f"{value:.2e}".split("e")  # 3 digits: a short axis has odd ticks
    exponent = f"e{int(power)}" if value else ""
    return f"{digits.rstrip('0').rstrip('.')}{exponent}".replace("-", "−")


def focused(axis: Axis, focus: Focus) -> FuncScale:
    """The scale of an axis with a focus: linear, but for the ends of what is enlarged."""
    more = focus.times - 1
    enlarged = focus.times * (focus.high - focus.low)

    def place(values: Any) -> Any:
        return values + more * (np.clip(values, focus.low, focus.high) - focus.low)

    def value(places: Any) -> Any:
        return places - more / focus.times * np.clip(places - focus.low, 0, enlarged)

    return FuncScale(axis, (place, value))


class FocusTicks(Locator):
    """Ticks inside what is enlarged, and outside where they are far enough apart."""

    def __init__(self, axis: Axis, focus: Focus) -> None:
        self.of, self.focus = axis, focus

    def __call__(self) -> Any:
        """Places of the ticks in view."""
        return self.tick_values(*self.of.get_view_interval())

    def tick_values(self, vmin: float, vmax: float) -> Any:
        """Places of the ticks from vmin to vmax."""
        place = self.of.get_transform().transform
        apart = APART * float(np.ptp(place(np.array([vmin, vmax]))))
        low, high = max(vmin, self.focus.low), min(vmax, self.focus.high)
        found = [
            tick
            for tick in MaxNLocator(5, steps=STEPS).tick_values(low, high)
            if low <= tick <= high
        ]
        for tick in MaxNLocator(8, steps=STEPS).tick_values(vmin, vmax):
            near = any(abs(place(tick) - place(other)) < apart for other in found)
            if vmin <= tick <= vmax and not near:
                found.append(tick)
        return np.array(sorted(found))
