"""The rectifier."""

import math

import numpy as np
import torch
from torch import Tensor

from harness.subjects.char_mlp.layers.kernels import Array, Signal, kernel


class ReLU:
    """max(x, 0).

    Attributes:
        out: the last output.
        sloped: range of outputs with a slope: all but 0.
        saturates: whether outputs outside that range count as saturated.
    """

    sloped = (torch.finfo(torch.float32).smallest_normal, math.inf)
    saturates = False

    def __call__(self, x: Tensor) -> Tensor:
        """The activations of x, of its shape."""
        self.out = torch.relu(x)
        return self.out

    def parameters(self) -> list[Tensor]:
        """Nothing is trained."""
        return []

    def state(self) -> dict[str, Tensor]:
        """No tensor defines the layer."""
        return {}


class StackedReLU:
    """The rectifier of all members, in place."""

    out: Signal

    def __init__(self, *_: object) -> None:
        self.state: dict[str, Tensor] = {}

    def forward(self, x: Signal) -> Signal:
        """Replace x by its activations, in training and eval mode alike."""
        np.maximum(x.array, 0, out=x.array)
        self.out = x
        return x

    evaluate = forward

    def backward(self, gradient: Signal) -> Signal:
        """Replace the outputs' gradient by the inputs'."""
        relu_backward(self.out.array, gradient.array, gradient.rows)
        return gradient

    def gradients(self) -> dict[str, Array]:
        """Nothing is trained."""
        return {}

    def update(self) -> None:
        """Nothing is trained."""


@kernel
def relu_backward(out: Array, gradient: Array, rows: int) -> None:
    """g ← g where y > 0, else 0, for gradient g and output y (K, B, H)."""
    members, _, width = out.shape
    for k in range(members):
        for b in range(rows):
            for h in range(width):
                if out[k, b, h] <= 0:
                    gradient[k, b, h] = 0


Textbook = ReLU
Stacked = StackedReLU
