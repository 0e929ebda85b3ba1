"""The rectifier."""

import math

import torch
from torch import Tensor

from harness.subjects.char_mlp.layers.activations import Activation, StackedActivation
from harness.subjects.char_mlp.layers.lanes import (
    LANES,
    broadcast,
    larger,
    put,
    take,
    where_positive,
)
from harness.subjects.char_mlp.layers.parts import Array, Part


class ReLU(Activation):
    """max(x, 0)."""

    sloped = (torch.finfo(torch.float32).smallest_normal, math.inf)  # all but 0

    def __call__(self, x: Tensor) -> Tensor:
        """The activations of x, of its shape."""
        self.out = torch.relu(x)
        return self.out


@Part
def relu_forward(n: Array, p: Array, z: Array, x: Array, s: Array) -> None:
    """z[out] (H, batch) ← max(z[source], 0)."""
    batch, width, source, out = n[2], n[3], n[4], n[5]
    for at in range(0, width * batch, LANES):
        values = take(z, source + at)
        put(z, out + at, larger(broadcast(z, 0.0), values))  # the second where it is NaN


@Part
def relu_backward(n: Array, p: Array, z: Array, x: Array, s: Array) -> None:
    """z[gradient] ← g where y > 0, else 0, for output y."""
    batch, width, out, gradient = n[2], n[3], n[5], n[6]
    for at in range(0, width * batch, LANES):
        put(z, gradient + at, where_positive(take(z, out + at), take(z, gradient + at)))


class StackedReLU(StackedActivation):
    """The rectifier in a program."""

    FORWARD, BACKWARD = relu_forward, relu_backward


Textbook = ReLU
Stacked = StackedReLU
