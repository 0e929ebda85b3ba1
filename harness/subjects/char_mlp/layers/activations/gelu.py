"""The Gaussian error linear unit (Hendrycks & Gimpel 2016)."""

import math

import torch
from torch import Tensor


class GELU:
    """x Φ(x), with Φ the normal distribution function.

    Attributes:
        out: the last output.
        sloped: range of outputs with a slope: all.
        saturates: whether outputs outside that range count as saturated.
    """

    sloped = (-math.inf, math.inf)
    saturates = False

    def __call__(self, x: Tensor) -> Tensor:
        """The activations of x, of its shape."""
        self.out = 0.5 * x * (1 + torch.erf(x * 0.5**0.5))
        return self.out

    def parameters(self) -> list[Tensor]:
        """Nothing is trained."""
        return []

    def state(self) -> dict[str, Tensor]:
        """No tensor defines the layer."""
        return {}


Textbook = GELU
