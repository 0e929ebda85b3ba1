"""The hyperbolic tangent."""

import torch
from torch import Tensor

from harness.history import SATURATED
from harness.layers.functions import fast_tanh
from harness.layers.kernels import Array, Signal, kernel


class Tanh:
    """tanh(x), in the manner of the lecture.

    Attributes:
        out: the last output.
        sloped: outputs between which the function still has a slope worth the name.
        saturates: whether beyond them it is flat on both sides, which is called saturation.
    """

    sloped = (-SATURATED, SATURATED)
    saturates = True

    def __call__(self, x: Tensor) -> Tensor:
        """The activations of x, of its shape."""
        self.out = torch.tanh(x)
        return self.out

    def parameters(self) -> list[Tensor]:
        """It trains nothing."""
        return []

    def state(self) -> dict[str, Tensor]:
        """It holds nothing."""
        return {}


class StackedTanh:
    """tanh over all members at once, in place."""

    out: Signal

    def __init__(self, *_: object) -> None:
        self.state: dict[str, Tensor] = {}

    def forward(self, x: Signal) -> Signal:
        """Replace x by its activations."""
        tanh_forward(x.array, x.rows)
        self.out = x
        return x

    evaluate = forward

    def backward(self, gradient: Signal) -> Signal:
        """Replace the gradient by the outputs with that by the inputs."""
        tanh_backward(self.out.array, gradient.array, gradient.rows)
        return gradient

    def gradients(self) -> dict[str, Array]:
        """It trains nothing."""
        return {}

    def update(self) -> None:
        """There is no step to take."""


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
    """g ← g (1 − y²), for g and y (K, B, H)."""
    members, _, width = out.shape
    for k in range(members):
        for b in range(rows):
            for h in range(width):
                gradient[k, b, h] *= 1 - out[k, b, h] * out[k, b, h]


Textbook = Tanh
Stacked = StackedTanh
