"""The hyperbolic tangent."""

import torch
from torch import Tensor

from harness.subjects.char_mlp.layers.activations import Activation, StackedActivation
from harness.subjects.char_mlp.layers.functions import tanh
from harness.subjects.char_mlp.layers.lanes import LANES, broadcast, fma, negative, put, take
from harness.subjects.char_mlp.layers.parts import Array, Part
from harness.subjects.char_mlp.measured import SATURATED


class Tanh(Activation):
    """tanh(x)."""

    sloped = (-SATURATED, SATURATED)
    saturates = True

    def __call__(self, x: Tensor) -> Tensor:
        """The activations of x, of its shape."""
        self.out = torch.tanh(x)
        return self.out


@Part
def tanh_forward(n: Array, p: Array, z: Array, x: Array, s: Array) -> None:
    """z[out] (H, batch) ← tanh(z[source])."""
    batch, width, source, out = n[2], n[3], n[4], n[5]
    for at in range(0, width * batch, LANES):
        put(z, out + at, tanh(take(z, source + at)))


@Part
def tanh_backward(n: Array, p: Array, z: Array, x: Array, s: Array) -> None:
    """z[gradient] ← g (1 − y²) for output y."""
    batch, width, out, gradient = n[2], n[3], n[5], n[6]
    for at in range(0, width * batch, LANES):
        y = take(z, out + at)
        put(z, gradient + at, take(z, gradient + at) * fma(negative(y), y, broadcast(z, 1.0)))


class StackedTanh(StackedActivation):
    """tanh in a program."""

    FORWARD, BACKWARD = tanh_forward, tanh_backward


Textbook = Tanh
Stacked = StackedTanh
