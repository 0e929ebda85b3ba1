"""What is looked at inside a stack: signals, gradients and updates, layer by layer.

Computed in float64, member by member, from what a step leaves in memory; nothing here changes it.
"""

import numpy as np

from harness import layers
from harness.fields import Fields
from harness.history import ACTIVATION_COLUMNS, BINS
from harness.layers.kernels import Array, Signal, kernel
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
        deviation(gradient.tensor.numpy(), spread)
        self.layers[:, number, 4] = spread / self._lr
        if self._histograms:
            self.gradients[number] = gradient.tensor.double().numpy() / self._lr[:, None, None]

    def finish(self) -> None:
        """Look at activations and updates."""
        for number, block in enumerate(self._stack.hidden):
            self.layers[:, number, :4] = describe(block.out, self._stack.fields)
        weights = [(name, tensor) for name, tensor in self._stack.state().items()
                   if name == "embedding.weight" or name.endswith(".linear.weight")]  # fmt: skip
        gradients = self._stack.gradients()
        for number, (name, tensor) in enumerate(weights):
            size, step = np.empty((2, self._stack.count))
            deviation(tensor.numpy(), size)
            deviation(gradients[name], step)
            with np.errstate(divide="ignore", invalid="ignore"):  # a weight may be all zero
                self.update_data[:, number] = np.log10(step / size)

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
    outputs = out.tensor.numpy()
    table = np.empty((len(outputs), 4))
    moments(outputs, *activation.sloped, table)
    deviation(outputs, table[:, 1])
    if not activation.saturates:
        table[:, 2] = np.nan
    return table


@kernel
def moments(signal: Array, low: float, high: float, table: Array) -> None:
    """Each member's mean, share beyond [low, high], and share of columns beyond it throughout.

    Args:
        signal: (K, B, H).
        low, high: between which the activation has a slope.
        table: (K, 4) float64; columns 0, 2 and 3 are filled.
    """
    members, rows, width = signal.shape
    for k in range(members):
        total, beyond = 0.0, 0
        alive = np.zeros(width, np.bool_)
        for b in range(rows):
            for h in range(width):
                value = np.float64(signal[k, b, h])
                total += value
                if value < low or value > high:
                    beyond += 1
                else:
                    alive[h] = True
        table[k, 0] = total / (rows * width)
        table[k, 2] = beyond / (rows * width)
        table[k, 3] = 1 - alive.sum() / width


@kernel
def deviation(values: Array, out: Array) -> None:
    """Each member's standard deviation over rows and columns, divided by n − 1 (K,) float64."""
    members, rows, width = values.shape
    count = rows * width
    for k in range(members):
        total = 0.0
        for b in range(rows):
            for h in range(width):
                total += np.float64(values[k, b, h])
        mean = total / count
        squares = 0.0
        for b in range(rows):
            for h in range(width):
                squares += (np.float64(values[k, b, h]) - mean) ** 2
        out[k] = np.sqrt(squares / max(count - 1, 1))
