"""What is looked at inside a stack: signals, gradients and updates, layer by layer.

Computed in float64, member by member, from what a step leaves in memory; nothing here changes it.
"""

from collections.abc import Iterator

import numpy as np

from harness import layers
from harness.fields import Fields
from harness.history import ACTIVATION_COLUMNS, BINS
from harness.layers.kernels import Array, Signal, row_kernel
from harness.stack import Stack


class Probe:
    """One look into every member during a step.

    Call `observe` from within the step's gradient, then `finish` before its update.

    Attributes:
        layers: of each member and hidden layer, mean, std, saturation, share of dead units, and
            std of the gradient by the outputs (K, L, 5).
        gradients: the gradients by the outputs, by layer, kept where histograms are wanted.
        update_data: of each member and weight, log10(std(lr × grad) / std(weight)) (K, M).
    """

    def __init__(self, stack: Stack, lr: Array, histograms: bool = False) -> None:
        self._stack, self._lr, self._histograms = stack, lr, histograms
        depth = len(stack.hidden)
        self.layers = np.full((stack.count, depth, len(ACTIVATION_COLUMNS)), np.nan)
        self.gradients: list[Array | None] = [None] * depth
        self.update_data = np.full((stack.count, depth + 2), np.nan)

    def observe(self, number: int, gradient: Signal) -> None:
        """Take the gradient by a hidden layer's outputs, which arrives times the learning rate."""
        spread = np.empty(self._stack.count)
        deviation(gradient.array, gradient.rows, gradient.columns, spread)
        self.layers[:, number, 4] = spread / self._lr
        if self._histograms:
            self.gradients[number] = gradient.tensor.double().numpy() / self._lr[:, None, None]

    def finish(self) -> None:
        """Look at activations and updates."""
        for number, block in enumerate(self._stack.hidden):
            self.layers[:, number, :4] = describe(block.out, self._stack.fields)
        for number, (weight, step, shape) in enumerate(self._updates()):
            before, change = np.empty((2, self._stack.count))
            deviation(weight, *shape, before)
            deviation(step, *shape, change)
            with np.errstate(divide="ignore", invalid="ignore"):  # a weight may be all zero
                self.update_data[:, number] = np.log10(change / before)

    def _updates(self) -> Iterator[tuple[Array, Array, tuple[int, int]]]:
        """Each weight, what its step changes it by but for the sign, and rows and columns."""
        embedding = self._stack.embedding
        yield embedding.weight, embedding.d_weight, embedding.weight.shape[1:]
        for block in (*self._stack.hidden, self._stack.output):
            weight = block.linear.weight
            yield weight.array, block.linear.step().array, (weight.rows, weight.columns)

    def histogram(self, k: int, number: int) -> tuple[Array, Array, float]:
        """Counts of a member's activations over ±1 and gradients over ± their range, and the range.

        Activations beyond ±1, which tanh has none of, count in the outermost bins.
        """
        gradient = self.gradients[number]
        assert gradient is not None  # noqa: S101 - asked for only where histograms were wanted
        outputs = self._stack.hidden[number].out.tensor[k].numpy()
        half_width = float(np.abs(gradient[k]).max()) or 1.0
        edges = np.linspace(-1, 1, BINS + 1)
        return (
            np.histogram(np.clip(outputs, -1, 1), edges)[0],
            np.histogram(gradient[k], edges * half_width)[0],
            half_width,
        )


def describe(out: Signal, fields: Fields) -> Array:
    """Of each member's outputs of one layer, mean, std, saturation, share of dead units (K, 4).

    Saturation is the share of tanh outputs beyond ±0.97, and NaN for another activation. A unit
    is dead where the activation has no slope to speak of on any row.
    """
    activation = layers.activation(fields.activation).Textbook
    table = np.empty((len(out.array), 4))
    moments(out.array, out.rows, out.columns, *activation.sloped, table)
    deviation(out.array, out.rows, out.columns, table[:, 1])
    if not activation.saturates:
        table[:, 2] = np.nan
    return table


# Contiguous rows and no branches let the compiler use vectors: four to six times faster.
@row_kernel
def moments(signal: Array, rows: int, columns: int, low: float, high: float, table: Array) -> None:
    """Each member's mean, share beyond [low, high], and share of columns beyond it throughout.

    Args:
        signal: (K, rows and filling, columns and filling), contiguous.
        rows, columns: of them, how many count.
        low, high: between which the activation has a slope.
        table: (K, 4) float64; columns 0, 2 and 3 are filled.
    """
    alive = np.empty(columns, np.int64)  # rows on which each column is between low and high
    for k in range(len(table)):
        total = 0.0
        alive[:] = 0
        for b in range(rows):
            row = signal[k, b]
            for h in range(columns):
                total += np.float64(row[h])
                alive[h] += np.int64(low <= row[h]) & np.int64(row[h] <= high)
        table[k, 0] = total / (rows * columns)
        table[k, 2] = 1 - alive.sum() / (rows * columns)
        table[k, 3] = (alive == 0).sum() / columns


@row_kernel
def deviation(values: Array, rows: int, columns: int, out: Array) -> None:
    """Each member's standard deviation over rows and columns, divided by n − 1 (K,) float64.

    Args:
        values: (K, rows and filling, columns and filling), contiguous.
        rows, columns: of them, how many count.
        out: (K,) float64, filled.
    """
    count = rows * columns
    for k in range(len(out)):
        total = 0.0
        for b in range(rows):
            row = values[k, b]
            for h in range(columns):
                total += np.float64(row[h])
        mean = total / count
        squares = 0.0
        for b in range(rows):
            row = values[k, b]
            for h in range(columns):
                squares += (np.float64(row[h]) - mean) ** 2
        out[k] = np.sqrt(squares / max(count - 1, 1))
