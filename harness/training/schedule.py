"""On which steps a run is measured."""

from dataclasses import dataclass
from functools import cache

import numpy as np

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
    early = np.geomspace(1, steps, half)
    late = np.linspace(0, steps, half + 1)
    probes = np.unique(np.clip(np.concatenate([early, late]).astype(int), 1, steps) - 1)
    evaluations = np.unique(np.linspace(0, steps, EVALUATIONS + 1).astype(int)[1:])
    return Schedule(
        window=-(-steps // LARGEST_LOSSES),
        probes=frozenset({0, *(int(step) for step in probes)}),
        evaluations=frozenset(int(step) for step in evaluations if step > 0),
    )
