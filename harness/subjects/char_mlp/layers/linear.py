"""The linear layer."""

import numpy as np
import torch
from torch import Tensor

from harness.subjects.char_mlp.layers.kernels import Array, Signal, kernel
from harness.subjects.char_mlp.layers.products import product, product_back, subtract_product
from harness.subjects.char_mlp.layers.state import numpy_dtype


class Linear:
    """x W + b, with W drawn from N(0, 1) / divisor.

    Args:
        fan_in, fan_out: units before and after.
        generator: draws the weights, row by row.
        bias: whether there is a b; before a norm it has no effect.
        divisor: of the draws; the default is √fan_in (He et al. 2015).

    Attributes:
        weight: (fan_in, fan_out).
        bias: (fan_out,), initially zero, or None.
        out: the last output.
    """

    def __init__(
        self,
        fan_in: int,
        fan_out: int,
        generator: torch.Generator,
        bias: bool = True,
        divisor: float | None = None,
    ) -> None:
        self.weight = torch.randn((fan_in, fan_out), generator=generator)
        self.weight /= fan_in**0.5 if divisor is None else divisor
        self.bias = torch.zeros(fan_out) if bias else None

    def __call__(self, x: Tensor) -> Tensor:
        """The layer's output (B, fan_out) for x (B, fan_in)."""
        self.out = x @ self.weight
        if self.bias is not None:
            self.out = self.out + self.bias
        return self.out

    def parameters(self) -> list[Tensor]:
        """What is trained: the weight, and the bias if there is one."""
        return [self.weight] if self.bias is None else [self.weight, self.bias]

    def state(self) -> dict[str, Tensor]:
        """The tensors that define the layer, by attribute."""
        return {"weight": self.weight} | ({} if self.bias is None else {"bias": self.bias})


class StackedLinear:
    """The linear layers of all members; each member has its own matrix products.

    Attributes:
        state: weight (K, fan_in, fan_out), and bias (K, fan_out) if there is one.
    """

    def __init__(self, members: list[Linear], rows: int, dtype: torch.dtype) -> None:
        self.weight = Signal.of([member.weight.detach() for member in members])
        self.state = {"weight": self.weight.tensor}
        self.bias: Array | None = None
        if members[0].bias is not None:
            biases = torch.stack([m.bias.detach() for m in members if m.bias is not None])
            self.state["bias"], self.bias = biases, biases.numpy()
        count, fan_in, fan_out = self.weight.tensor.shape
        self.out = Signal(count, rows, fan_out, dtype)
        self.d_x = Signal(count, rows, fan_in, dtype)
        self.d_bias = np.zeros((count, fan_out), numpy_dtype(dtype))
        self.transposed = Signal(1, fan_out, fan_in, dtype)
        self.x: Signal
        self.d_out: Signal

    def forward(self, x: Signal) -> Signal:
        """x W + b, written to this layer's own memory."""
        self.x = x
        return self.apply(x, self.out)

    def apply(self, x: Signal, out: Signal) -> Signal:
        """x W + b, written to `out`."""
        product(x.array, self.weight.array, out.array, x.rows, x.columns, out.columns)
        if self.bias is not None:
            add_rows(out.array, out.rows, self.bias)
        return out

    def backward(self, d_out: Signal) -> Signal:
        """The input's gradient from the output's, whose memory is needed until the update."""
        self.d_out, d_x = d_out, self.d_x
        product_back(
            d_out.array,
            self.weight.array,
            d_x.array,
            d_x.rows,
            d_x.columns,
            d_out.columns,
            self.transposed.array[0],
        )
        return d_x

    def step(self) -> Signal:
        """What the next update adds to the weight."""
        count, fan_in, fan_out = self.weight.tensor.shape
        step = Signal(count, fan_in, fan_out, self.weight.tensor.dtype)
        self._subtract_gradient(step)
        return step

    def gradients(self) -> dict[str, Array]:
        """What the next update subtracts, by attribute."""
        weight = -self.step().tensor.numpy()
        return {"weight": weight} if self.bias is None else {"weight": weight, "bias": self.d_bias}

    def update(self) -> None:
        """Subtract the gradients.

        The weight's gradient is subtracted tile by tile as it is computed. Storing it first would
        cost a fifth of the step's time in memory traffic.
        """
        self._subtract_gradient(self.weight)
        if self.bias is not None:
            self.bias -= self.d_bias

    def _subtract_gradient(self, weight: Signal) -> None:
        """Subtract the weight's gradient from `weight`, and compute the bias's gradient."""
        x, d_out = self.x, self.d_out
        subtract_product(x.array, d_out.array, weight.array, x.rows, x.columns, d_out.columns)
        if self.bias is not None:
            column_sums(d_out.array, d_out.rows, self.d_bias)


@kernel
def add_rows(signal: Array, rows: int, row: Array) -> None:
    """Add a member's row (K, H) to every row of its signal."""
    members, width = row.shape
    for k in range(members):
        for b in range(rows):
            for h in range(width):
                signal[k, b, h] += row[k, h]


@kernel
def column_sums(signal: Array, rows: int, sums: Array) -> None:
    """sums (K, H) ← the sum over the rows of a signal (K, B, H)."""
    members, width = sums.shape
    for k in range(members):
        sums[k] = 0
        for b in range(rows):
            for h in range(width):
                sums[k, h] += signal[k, b, h]
