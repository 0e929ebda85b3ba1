"""The Gaussian error linear unit (Hendrycks & Gimpel 2016)."""

import torch
from torch import Tensor

from harness.subjects.char_mlp.layers.activations import Activation


class GELU(Activation):
    """x Φ(x), with Φ the normal distribution function."""

    def __call__(self, x: Tensor) -> Tensor:
        """The activations of x, of its shape."""
        self.out = 0.5 * x * (1 + torch.erf(x * 0.5**0.5))
        return self.out


Textbook = GELU
