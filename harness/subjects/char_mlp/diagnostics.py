"""Measurements inside a stack: activations, gradients and updates, layer by layer.

They are computed in float64, member by member, from the memory of a step, and do not change it.
"""

from collections.abc import Iterator

import numpy as np

from harness.subjects.char_mlp import layers
from harness.subjects.char_mlp.fields import Fields
from harness.subjects.char_mlp.layers.kernels import Array, Signal, row_kernel
from harness.subjects.char_mlp.measured import ACTIVATIONS, BINS
from harness.subjects.char_mlp.responses import growth, mean, middle_update, worst
from harness.subjects.char_mlp.stacked import StackedMLP
from harness.subjects.subject import Series


class Probe:
    """Measurements inside every member during one step.

    Pass `observe` to `StackedMLP.gradient`, then call `measured` before the update.

    Args:
        stack: the members.
        lr: their learning rates at this step (K,).
        histograms: whether to count activations and gradients in bins.
    """

    def __init__(self, stack: StackedMLP, lr: Array, histograms: bool = False) -> None:
        self._stack, self._lr, self._histograms = stack, lr, histograms
        depth = len(stack.hidden)
        self._gradient_std = np.full((stack.count, depth), np.nan)
        self._gradients: list[Array] = [np.empty(0)] * depth

    def observe(self, number: int, gradient: Signal) -> None:
        """Take the gradient of a hidden layer's outputs; it comes times the learning rate."""
        spread = np.empty(self._stack.count)
        deviation(gradient.array, gradient.rows, gradient.columns, spread)
        self._gradient_std[:, number] = spread / self._lr
        if self._histograms:
            self._gradients[number] = gradient.tensor.double().numpy() / self._lr[:, None, None]

    def measured(self) -> Iterator[Series]:
        """All measurements: by layer, by weight, and as curves."""
        table = np.stack(
            [activation_table(block.out, self._stack.fields) for block in self._stack.hidden], 1
        )  # (K, L, 4)
        for place, name in enumerate(ACTIVATIONS[:4]):
            yield Series(name, table[:, :, place])
        yield Series("gradient_std", self._gradient_std)
        update_data = self._update_data()  # (K, M)
        yield Series("update_data", update_data, first_layer=0)
        saturation, dead = table[:, :, 2], table[:, :, 3]
        curves = {
            "diag/saturation_worst": [worst(layers) for layers in saturation],
            "diag/saturation_mean": [mean(layers) for layers in saturation],
            "diag/dead_units": [mean(layers) for layers in dead],
            "diag/gradient_growth": [growth(layers) for layers in self._gradient_std],
            "diag/update_data": [middle_update(weights) for weights in update_data],
        }
        for name, values in curves.items():
            yield Series(name, np.array(values))
        if self._histograms:
            yield from self._bin_counts()

    def _update_data(self) -> Array:
        """log10(std(lr × gradient) / std(weight)) of each member and weight (K, M)."""
        columns = []
        for weight, step, shape in self._updates():
            before, change = np.empty((2, self._stack.count))
            deviation(weight, *shape, before)
            deviation(step, *shape, change)
            with np.errstate(divide="ignore", invalid="ignore"):  # a weight may be constant
                columns.append(np.log10(change / before))
        return np.stack(columns, 1)

    def _updates(self) -> Iterator[tuple[Array, Array, tuple[int, int]]]:
        """Each weight, its update up to the sign, and how many rows and columns count."""
        embedding = self._stack.embedding
        yield embedding.weight, embedding.d_weight, embedding.weight.shape[1:]
        for block in (*self._stack.hidden, self._stack.output):
            weight = block.linear.weight
            yield weight.array, block.linear.step().array, (weight.rows, weight.columns)

    def _bin_counts(self) -> Iterator[Series]:
        """Histograms by layer: activations over ±1, gradients over ± their largest value.

        Activations beyond ±1 (of ReLU and GELU) count in the outermost bins.
        """
        count, depth = self._gradient_std.shape
        edges = np.linspace(-1, 1, BINS + 1)
        activations, gradients = np.empty((2, count, depth, BINS))
        reach = np.empty((count, depth))
        for number, block in enumerate(self._stack.hidden):
            outputs = np.clip(block.out.tensor.numpy(), -1, 1)  # (K, B, H)
            for k, gradient in enumerate(self._gradients[number]):  # (B, H)
                reach[k, number] = float(np.abs(gradient).max()) or 1.0
                activations[k, number] = np.histogram(outputs[k], edges)[0]
                gradients[k, number] = np.histogram(gradient, edges * reach[k, number])[0]
        yield Series("activation_histogram", activations)
        yield Series("activation_range", np.ones((count, depth)))
        yield Series("gradient_histogram", gradients)
        yield Series("gradient_range", reach)


def activation_table(out: Signal, fields: Fields) -> Array:
    """Mean, std, saturation and share of dead units of one layer's outputs, by member (K, 4).

    Saturation is the share of tanh outputs beyond ±0.97, and NaN for other activations. A unit is
    dead if all its outputs are outside the activation's `sloped` range.
    """
    activation = layers.activation(fields.activation).Textbook
    table = np.empty((len(out.array), 4))
    moments(out.array, out.rows, out.columns, *activation.sloped, table)
    deviation(out.array, out.rows, out.columns, table[:, 1])
    if not activation.saturates:
        table[:, 2] = np.nan
    return table


# Contiguous rows without branches let the compiler vectorise: four to six times faster.
@row_kernel
def moments(signal: Array, rows: int, columns: int, low: float, high: float, table: Array) -> None:
    """Each member's mean, share outside [low, high], and share of columns wholly outside.

    Args:
        signal: (K, padded rows, padded columns), contiguous.
        rows, columns: without padding.
        low, high: the range in which the activation has a slope.
        table: output (K, 4) float64; only columns 0, 2 and 3 are set.
    """
    alive = np.empty(columns, np.int64)  # number of rows in which a column is within [low, high]
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
    """Each member's standard deviation over rows and columns, with n − 1 degrees of freedom.

    Args:
        values: (K, padded rows, padded columns), contiguous.
        rows, columns: without padding.
        out: output (K,) float64.
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
