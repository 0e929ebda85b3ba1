"""The rectifier."""

import math

import numpy as np
import torch
from torch import Tensor

from harness.subjects.char_mlp.layers.activations import Activation, StackedActivation
from harness.subjects.char_mlp.layers.kernels import Array, Signal, kernel


class ReLU(Activation):
    """max(x, 0)."""

    sloped = (torch.finfo(torch.float32).smallest_normal, math.inf)  # all but 0

    def __call__(self, x: Tensor) -> Tensor:
        """The activations of x, of its shape."""
        self.out = torch.relu(x)
        return self.out


class StackedReLU(StackedActivation):
    """The rectifier of all members, in place."""

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
