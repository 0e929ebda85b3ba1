"""An axis that enlarges where most values are, so that a few far-off ones do not set the scale."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import isfinite

FEWEST = 6  # values
CROWDED = 0.2  # of the whole range; half of the values in less than that get room
NARROWEST = 0.08  # the same, of what is enlarged
ROOM = 0.55  # of the axis, for what is enlarged
PAD = 0.15  # of the width of half of the values, beyond them


@dataclass(frozen=True)
class Focus:
    """The part of an axis that is enlarged.

    Attributes:
        low, high: its ends.
        times: how much larger the scale is there.
    """

    low: float
    high: float
    times: int


def about_focus(focus: Focus | None) -> str:
    """How to read an axis with it, as a sentence; "" without one."""
    if focus is None:
        return ""
    return f"The shaded band holds half of the values; its scale is {focus.times} times as large."


def focus(values: Iterable[float], also: Iterable[float] = ()) -> Focus | None:
    """The narrowest range that holds half of the values, if it is hard to read otherwise.

    Args:
        values: what is drawn.
        also: what else the axis reaches to.
    """
    known = sorted(float(value) for value in values if isfinite(value))
    if len(known) < FEWEST:
        return None
    ends, half = [known[0], known[-1], *also], len(known) // 2
    whole = max(ends) - min(ends)
    low, high = min(zip(known, known[half:], strict=False), key=lambda ends: ends[1] - ends[0])
    low, high = low - PAD * (high - low), high + PAD * (high - low)
    narrow = NARROWEST * whole - (high - low)
    if narrow > 0:
        low, high = low - narrow / 2, high + narrow / 2
    if high - low > CROWDED * whole or whole == 0:
        return None
    times = round(ROOM / (1 - ROOM) * (whole - (high - low)) / (high - low))
    return Focus(low, high, times)
