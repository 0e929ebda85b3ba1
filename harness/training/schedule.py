"""On which steps a run is measured, in whole numbers alone: the same on every machine."""

from dataclasses import dataclass
from functools import cache

LARGEST_LOSSES = 2000  # points of the finest training-loss curve kept
PROBES = 26
EVALUATIONS = 8  # one at three quarters, where learning rates often drop


@dataclass(frozen=True)
class Schedule:
    """On which steps a run of a given length is measured: a function of its length alone.

    Attributes:
        window: steps averaged into one point of the training loss.
        probes: steps at which the inside is measured; the first is 0, the last the last step.
        evaluations: numbers of finished steps after which the splits are evaluated.
    """

    window: int
    probes: frozenset[int]
    evaluations: frozenset[int]

    def window_end(self, step: int, steps: int) -> int:
        """How many steps the window that ends with this step holds; 0 if none ends with it."""
        place = step % self.window + 1
        return place if place == self.window or step + 1 == steps else 0


@cache
def schedule(steps: int) -> Schedule:
    """The schedule of a run of so many steps: dense early on, evenly spaced later."""
    half = PROBES // 2
    early = (whole_root(steps**i, half - 1) for i in range(half))  # steps^0 to steps^1
    late = (i * steps // half for i in range(half + 1))
    evaluations = (i * steps // EVALUATIONS for i in range(1, EVALUATIONS + 1))
    return Schedule(
        window=-(-steps // LARGEST_LOSSES),
        probes=frozenset(max(1, finished) - 1 for finished in (*early, *late)),
        evaluations=frozenset(finished for finished in evaluations if finished),
    )


def whole_root(number: int, degree: int) -> int:
    """The largest whole number whose power of this degree is at most this positive number.

    >>> whole_root(63, 3), whole_root(64, 3)
    (3, 4)
    """
    low, above = 0, 2 ** (number.bit_length() // degree + 1)
    while above - low > 1:
        middle = (low + above) // 2
        low, above = (middle, above) if middle**degree <= number else (low, middle)
    return low
