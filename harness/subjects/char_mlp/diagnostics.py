"""Measurements inside a stack: activations, gradients and updates, layer by layer.

They are computed in float64, member by member, from the memory of a step, and do not change it.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from harness.subjects.char_mlp import layers
from harness.subjects.char_mlp.layers.compiled import compiled
from harness.subjects.char_mlp.layers.lanes import (
    LANES,
    between,
    broadcast,
    double,
    fma,
    masked,
    pointer,
    take,
    total,
)
from harness.subjects.char_mlp.layers.parts import Array
from harness.subjects.char_mlp.measured import ACTIVATIONS, BINS
from harness.subjects.char_mlp.responses import growth, mean, middle_update, worst
from harness.subjects.char_mlp.stacked import StackedMLP
from harness.subjects.exact import log
from harness.subjects.subject import Series

LOG10_E = 0.4342944819032518


class Probe:
    """Measurements inside every member during one step.

    Call `step` with each member after `StackedMLP.gradient`, then `measured`. Members that were
    left out have NaN.

    Args:
        stack: the members.
        histograms: whether to count activations and gradients in bins.
    """

    def __init__(self, stack: StackedMLP, histograms: bool = False) -> None:
        self._stack, self._histograms = stack, histograms
        self._activation = layers.activation(stack.fields.activation).Textbook
        count, depth = stack.count, len(stack.network.hidden)
        self._weights = [name for name in stack.trained if len(stack.places[name].shape) == 2]
        self._table = np.full((count, depth, 4), np.nan)
        self._gradient_std = np.full((count, depth), np.nan)
        self._update_data = np.full((count, len(self._weights)), np.nan)
        self._bins = np.full((2, count, depth, BINS), np.nan)
        self._reach = np.full((count, depth), np.nan)

    def step(self, k: int, rate: float) -> None:
        """Take the step of a member whose gradients were just computed, and measure around it."""
        stack = self._stack
        for number, (out, gradient) in enumerate(
            zip(stack.step.outputs, stack.step.d_outputs, strict=True)
        ):
            self._table[k, number] = activation_table(out, self._activation)
            self._gradient_std[k, number] = deviation(gradient)
            if self._histograms:
                self._count(k, number, out, gradient)
        before = [deviation(stack.places[name].of(stack.p)[k]) for name in self._weights]
        stack.apply(k, rate)
        changes = stack.gradients()
        after = [rate * deviation(changes[name]) for name in self._weights]
        with np.errstate(divide="ignore", invalid="ignore"):  # a weight may be constant
            self._update_data[k] = log(np.divide(after, before)) * LOG10_E

    def measured(self) -> Iterator[Series]:
        """All measurements: by layer, by weight, and as curves."""
        table = self._table
        for place, name in enumerate(ACTIVATIONS[:4]):
            yield Series(name, table[:, :, place])
        yield Series("gradient_std", self._gradient_std)
        yield Series("update_data", self._update_data, first_layer=0)
        saturation, dead = table[:, :, 2], table[:, :, 3]
        curves = {
            "diag/saturation_worst": [worst(shares) for shares in saturation],
            "diag/saturation_mean": [mean(shares) for shares in saturation],
            "diag/dead_units": [mean(shares) for shares in dead],
            "diag/gradient_growth": [growth(stds) for stds in self._gradient_std],
            "diag/update_data": [middle_update(weights) for weights in self._update_data],
        }
        for name, values in curves.items():
            yield Series(name, np.array(values))
        if self._histograms:
            yield Series("activation_histogram", self._bins[0])
            yield Series("activation_range", np.ones(self._reach.shape))
            yield Series("gradient_histogram", self._bins[1])
            yield Series("gradient_range", self._reach)

    def _count(self, k: int, number: int, out: Array, gradient: Array) -> None:
        """Histograms of a layer: activations over ±1, gradients over ± their largest value.

        Activations beyond ±1 (of ReLU and GELU) count in the outermost bins.
        """
        edges = np.linspace(-1, 1, BINS + 1)
        reach = float(np.abs(gradient).max()) or 1.0
        self._reach[k, number] = reach
        self._bins[0, k, number] = np.histogram(np.clip(out, -1, 1), edges)[0]
        self._bins[1, k, number] = np.histogram(gradient.astype(float), edges * reach)[0]


def activation_table(out: Array, activation: Any) -> Array:
    """Mean, std, saturation and share of dead units of a layer's outputs (H, B), as (4,).

    Saturation is the share of tanh outputs beyond ±0.97, and NaN for other activations. A unit is
    dead if all its outputs are outside the activation's `sloped` range.

    Args:
        out: the outputs (H, B).
        activation: the layer that gave them, in its textbook form.
    """
    table = np.empty(4)
    low, high = activation.sloped
    moments(out, low, high, table)
    table[1] = deviation(out)
    if not activation.saturates:
        table[2] = np.nan
    return table


@compiled
def moments(values: Array, low: float, high: float, table: Array) -> None:
    """Mean, share outside [low, high], and share of rows wholly outside, of values (H, B).

    Args:
        values: rows in memory of any distance; what follows a row up to whole vectors is read.
        low, high: the range in which the activation has a slope.
        table: output (4,) float64; only places 0, 2 and 3 are set.
    """
    rows, columns = values.shape
    start, step = pointer(values), values.strides[0] // values.itemsize
    sums, inside, dead = broadcast(0.0, 0.0), 0.0, 0
    for h in range(rows):
        within_row = broadcast(0.0, 0.0)
        for b in range(0, columns, LANES):
            row = double(take(start, h * step + b))
            sums = sums + masked(row, b, columns)
            within_row = within_row + masked(between(row, low, high), b, columns)
        alive = total(within_row)
        inside += alive
        dead += alive == 0
    table[0] = total(sums) / (rows * columns)
    table[2] = 1 - inside / (rows * columns)
    table[3] = dead / rows


@compiled
def deviation(values: Array) -> float:
    """Standard deviation of a matrix (rows, columns), with n − 1 degrees of freedom.

    Rows may have any distance in memory; what follows a row up to whole vectors is read.
    """
    rows, columns = values.shape
    start, step = pointer(values), values.strides[0] // values.itemsize
    sums = broadcast(0.0, 0.0)
    for r in range(rows):
        for c in range(0, columns, LANES):
            sums = sums + masked(double(take(start, r * step + c)), c, columns)
    mean = broadcast(0.0, total(sums) / (rows * columns))
    squares = broadcast(0.0, 0.0)
    for r in range(rows):
        for c in range(0, columns, LANES):
            apart = masked(double(take(start, r * step + c)) - mean, c, columns)
            squares = fma(apart, apart, squares)
    return float(np.sqrt(total(squares) / max(rows * columns - 1, 1)))
