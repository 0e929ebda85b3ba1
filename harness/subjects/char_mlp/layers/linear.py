"""The linear layer."""

import torch
from torch import Tensor

from harness.subjects.char_mlp.layers.forms import Draw
from harness.subjects.char_mlp.layers.lanes import LANES, broadcast, put, take
from harness.subjects.char_mlp.layers.parts import RATE, Array, Part, Program, padded
from harness.subjects.char_mlp.layers.products import activation_product, add_weight_product
from harness.subjects.char_mlp.layers.signals import by_example, energy, subtract, sums_of_units
from harness.subjects.char_mlp.layers.state import Layout, Place


class Linear:
    """x W + b, with W drawn from N(0, 1) / divisor.

    Args:
        fan_in, fan_out: units before and after.
        generator: draws the weights, row by row.
        bias: whether there is a b; before a norm it has no effect.
        divisor: of the draws; the default is √fan_in (He et al. 2015).
        draw: N(0, 1) draws; the lecture's are torch's.

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
        draw: Draw = torch.randn,
    ) -> None:
        self.weight = draw((fan_in, fan_out), generator=generator)
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
    """The linear layer in a program.

    Attributes:
        places: of the weight (fan_in, fan_out), and of the bias (fan_out,) if there is one.
        units: of the output, fan_out.
    """

    def __init__(self, textbook: Linear, layout: Layout) -> None:
        self.fan_in, self.units = textbook.weight.shape
        self.weight = layout.place(textbook.weight.shape)
        self.places = {"weight": self.weight}
        self.bias: Place | None = None
        if textbook.bias is not None:
            self.places["bias"] = self.bias = layout.place(textbook.bias.shape)

    def forward(self, program: Program, source: int) -> int:
        """x W + b of the input at `source`."""
        self.source = source
        program.add(energy, self.fan_in, source)
        return self.evaluate(program, source)

    def evaluate(self, program: Program, source: int) -> int:
        """x W + b of the input at `source`, without what a backward pass needs."""
        out = program.signal(self.units)
        program.add(
            linear_forward, self.weight.at, self.weight.stride, self.fan_in, self.units, source, out
        )
        if self.bias is not None:
            program.add(add_bias, self.bias.at, self.units, out)
        return out

    def backward(self, program: Program, gradient: int, out: int) -> None:
        """Write the input's gradient to `out`; keep the output's for the update."""
        stride = self.weight.stride
        self.gradient = program.memory(program.batch * stride)
        program.add(by_example, self.units, gradient, self.gradient, stride)
        program.add(linear_backward, self.weight.at, stride, self.fan_in, self.units, gradient, out)
        if self.bias is not None:
            self.d_bias = program.memory(self.units)
            program.add(sums_of_units, self.units, gradient, self.d_bias)

    def update(self, program: Program) -> None:
        """Subtract the gradients.

        The weight's gradient is subtracted tile by tile as it is computed. Storing it first would
        cost a fifth of the step's time in memory traffic.
        """
        program.add(
            linear_update, self.weight.at, self.weight.stride, self.fan_in, padded(self.units),
            self.source, self.gradient,
        )  # fmt: skip
        if self.bias is not None:
            program.add(subtract, self.units, self.bias.at, self.d_bias)


@Part
def linear_forward(n: Array, p: Array, z: Array, x: Array, s: Array) -> None:
    """z[out] (fan_out, batch) ← Wᵀ z[source] for W = p[weight] (fan_in, fan_out)."""
    batch, weight, stride, fan_in, fan_out, source, out = n[2], n[3], n[4], n[5], n[6], n[7], n[8]
    activation_product(p, weight, 1, stride, z, source, fan_in, z, out, fan_out, batch)


@Part
def add_bias(n: Array, p: Array, z: Array, x: Array, s: Array) -> None:
    """z[out] (H, batch) ← z[out] + p[bias], the same for all examples."""
    batch, bias, width, out = n[2], n[3], n[4], n[5]
    for h in range(width):
        shift = broadcast(z, p[bias + h])
        for at in range(out + h * batch, out + (h + 1) * batch, LANES):
            put(z, at, take(z, at) + shift)


@Part
def linear_backward(n: Array, p: Array, z: Array, x: Array, s: Array) -> None:
    """z[out] (fan_in, batch) ← W z[gradient] for W = p[weight] (fan_in, fan_out)."""
    batch, weight, stride, fan_in, fan_out, source, out = n[2], n[3], n[4], n[5], n[6], n[7], n[8]
    activation_product(p, weight, stride, 1, z, source, fan_out, z, out, fan_in, batch)


@Part
def linear_update(n: Array, p: Array, z: Array, x: Array, s: Array) -> None:
    """p[weight] (fan_in, fan_out) ← W − rate × z[source] (fan_in, batch) z[gradient]."""
    examples, batch, weight, stride = n[1], n[2], n[3], n[4]
    fan_in, columns, source, gradient = n[5], n[6], n[7], n[8]
    add_weight_product(
        -s[RATE], z, source, batch, z, gradient, stride, examples, p, weight, fan_in, columns
    )
