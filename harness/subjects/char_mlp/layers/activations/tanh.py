"""The hyperbolic tangent."""

import torch
from torch import Tensor

from harness.subjects.char_mlp.layers.activations import Activation, StackedActivation
from harness.subjects.char_mlp.layers.functions import fast_tanh
from harness.subjects.char_mlp.layers.kernels import Array, Signal, kernel
from harness.subjects.char_mlp.measured import SATURATED


class Tanh(Activation):
    """tanh(x)."""

    sloped = (-SATURATED, SATURATED)
    saturates = True

    def __call__(self, x: Tensor) -> Tensor:
        """The activations of x, of its shape."""
        self.out = torch.tanh(x)
        return self.out


class StackedTanh(StackedActivation):
    """tanh of all members, in place."""

    def forward(self, x: Signal) -> Signal:
        """Replace x by its activations, in training and eval mode alike."""
        tanh_forward(x.array, x.rows)
        self.out = x
        return x

    evaluate = forward

    def backward(self, gradient: Signal) -> Signal:
        """Replace the outputs' gradient by the inputs'."""
        tanh_backward(self.out.array, gradient.array, gradient.rows)
        return gradient


@kernel
def tanh_forward(x: Array, rows: int) -> None:
    """x ← tanh(x), for x (K, B, H)."""
    members, _, width = x.shape
    for k in range(members):
        for b in range(rows):
            for h in range(width):
                x[k, b, h] = fast_tanh(x[k, b, h])


@kernel
def tanh_backward(out: Array, gradient: Array, rows: int) -> None:
    """g ← g (1 − y²), for gradient g and output y (K, B, H)."""
    members, _, width = out.shape
    for k in range(members):
        for b in range(rows):
            for h in range(width):
                gradient[k, b, h] *= 1 - out[k, b, h] * out[k, b, h]


Textbook = Tanh
Stacked = StackedTanh
