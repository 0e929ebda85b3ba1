"""Timing things in turn, so that a machine that slows down slows all of them."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Way = Callable[[], None]

SLICE = 0.15  # seconds that one thing is timed for before the next has its turn


@dataclass(frozen=True)
class Measured:
    """Repeated measurements of one quantity.

    Attributes:
        values: one a round.
    """

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The value to quote."""
        return statistics.median(self.values)

    def over(self, other: "Measured", scale: float = 1.0) -> "Measured":
        """The ratio to another quantity, round by round, times a factor."""
        pairs = zip(self.values, other.values, strict=True)
        return Measured(tuple(scale * one / two for one, two in pairs))

    def __str__(self) -> str:
        """The median with its spread, lowest to highest."""
        return f"{self.median:.3g} ({min(self.values):.3g}–{max(self.values):.3g})"


def side_by_side(ways: Sequence[Way], rounds: int) -> list[Measured]:
    """Seconds a call of each way, the ways taking turns within every round.

    Args:
        ways: what to time; each is called a few times beforehand.
        rounds: how often each has its turn.
    """
    calls = [_calls(way) for way in ways]
    seconds: list[list[float]] = [[] for _ in ways]
    for _ in range(rounds):
        for way, count, found in zip(ways, calls, seconds, strict=True):
            began = time.perf_counter()
            for _ in range(count):
                way()
            found.append((time.perf_counter() - began) / count)
    return [Measured(tuple(found)) for found in seconds]


def _calls(way: Way) -> int:
    """How many calls fill a slice of time."""
    for _ in range(3):
        way()
    began = time.perf_counter()
    way()
    return max(1, int(SLICE / (time.perf_counter() - began)))
