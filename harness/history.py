"""What is measured of a run while it trains, and on which steps."""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

SATURATED = 0.97  # |tanh| above this counts as saturated, as in the lectures
BINS = 80  # of each histogram of activations and gradients
LARGEST_LOSSES = 2000  # points of the finest training-loss curve kept
PROBES = 26
EVALUATIONS = 8  # one at three quarters, where learning rates drop unless told otherwise

ACTIVATION_COLUMNS = ("mean", "std", "saturation", "dead", "gradient_std")
FINAL_COLUMNS = ACTIVATION_COLUMNS[:4]
SPLITS = ("train", "dev", "test")


@dataclass(frozen=True)
class Schedule:
    """On which steps a run of a given length is measured: a function of its length alone.

    Attributes:
        window: steps averaged into one point of the training loss.
        probes: steps whose minibatch is looked into; the first is 0, the last the last step.
        evaluations: numbers of finished steps after which the dev loss is taken.
    """

    window: int
    probes: tuple[int, ...]
    evaluations: tuple[int, ...]


@cache  # asked for at every probe
def schedule(steps: int) -> Schedule:
    """The schedule of a run of so many steps: dense early on, evenly spaced later."""
    half = PROBES // 2
    early = np.geomspace(1, steps, half)
    late = np.linspace(0, steps, half + 1)
    probes = np.unique(np.clip(np.concatenate([early, late]).astype(int), 1, steps) - 1)
    evaluations = np.unique(np.linspace(0, steps, EVALUATIONS + 1).astype(int)[1:])
    return Schedule(
        window=-(-steps // LARGEST_LOSSES),
        probes=tuple(int(step) for step in np.union1d(probes, [0])),
        evaluations=tuple(int(step) for step in evaluations if step > 0),
    )


@dataclass
class History:
    """Everything measured of one run; NaN where nothing is measured (yet, or ever).

    L hidden layers, M weight matrices (embedding, hidden weights, last weight).

    Attributes:
        loss: mean training-minibatch loss of each window of steps, nats (windows,).
        curve_loss: mean training-minibatch loss since the probe before, nats (probes,).
        dev_loss: dev loss in eval mode over the whole split, nats (evaluations,).
        layers: per probe, of each hidden layer in training mode, mean, std, saturation, share of
            dead units, and std of the loss's gradient by its outputs (probes, L, 5).
        update_data: per probe, of each weight, log10(std(lr × grad) / std(param)) (probes, M).
        activation_histogram, gradient_histogram: counts at first and last step (2, L, BINS).
        gradient_range: half-width of the bins of the gradients' histograms (2, L).
        final_loss: train, dev, test loss in eval mode over the whole splits, nats (3,).
        final_layers: of each hidden layer over the dev split in eval mode, mean, std, saturation,
            share of dead units (L, 4).
    """

    steps: int
    loss: Array
    curve_loss: Array
    dev_loss: Array
    layers: Array
    update_data: Array
    activation_histogram: Array
    gradient_histogram: Array
    gradient_range: Array
    final_loss: Array
    final_layers: Array

    @classmethod
    def empty(cls, steps: int, depth: int) -> "History":
        """A history in which nothing is measured yet."""
        plan = schedule(steps)

        def nothing(*shape: int) -> Array:
            return np.full(shape, np.nan)

        return cls(
            steps=steps,
            loss=nothing(-(-steps // plan.window)),
            curve_loss=nothing(len(plan.probes)),
            dev_loss=nothing(len(plan.evaluations)),
            layers=nothing(len(plan.probes), depth, len(ACTIVATION_COLUMNS)),
            update_data=nothing(len(plan.probes), depth + 2),
            activation_histogram=nothing(2, depth, BINS),
            gradient_histogram=nothing(2, depth, BINS),
            gradient_range=nothing(2, depth),
            final_loss=nothing(3),
            final_layers=nothing(depth, len(FINAL_COLUMNS)),
        )

    def only(self, place: int) -> "History":
        """The same with one row of what is followed over the steps."""
        row = slice(place, place + 1)
        return replace(self, curve_loss=self.curve_loss[row], dev_loss=self.dev_loss[row],
                       layers=self.layers[row], update_data=self.update_data[row])  # fmt: skip

    def column(self, name: str) -> Array:
        """One quantity of the hidden layers at every probe (probes, L)."""
        values: Array = self.layers[:, :, ACTIVATION_COLUMNS.index(name)]
        return values

    def final(self, name: str) -> Array:
        """One quantity of the hidden layers over the dev split after the last step (L,)."""
        values: Array = self.final_layers[:, FINAL_COLUMNS.index(name)]
        return values

    def last(self, values: Array) -> Array:
        """The last row that was measured of an array whose first axis is the probes."""
        measured = np.flatnonzero(np.isfinite(self.curve_loss))
        last: Array = values[measured[-1] if len(measured) else 0]
        return last
