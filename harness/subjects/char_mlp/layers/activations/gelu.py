"""The Gaussian error linear unit (Hendrycks & Gimpel 2016)."""

import torch
from torch import Tensor

from harness.subjects.char_mlp.layers.activations import Activation, StackedActivation
from harness.subjects.char_mlp.layers.functions import erf, exp, inlined
from harness.subjects.char_mlp.layers.lanes import LANES, broadcast, fma, put, take
from harness.subjects.char_mlp.layers.parts import Array, Part


class GELU(Activation):
    """x Φ(x), with Φ the normal distribution function."""

    def __call__(self, x: Tensor) -> Tensor:
        """The activations of x, of its shape."""
        self.out = 0.5 * x * (1 + torch.erf(x * 0.5**0.5))
        return self.out


@inlined
def below(x):  # type: ignore[no-untyped-def]  # of numba's own types
    """Φ(x), of a vector."""
    half = broadcast(x, 0.5)
    return fma(half, erf(x * broadcast(x, 0.7071067811865476)), half)


@Part
def gelu_forward(n: Array, p: Array, z: Array, x: Array, s: Array) -> None:
    """z[out] (H, batch) ← x Φ(x) for x = z[source]."""
    batch, width, source, out = n[2], n[3], n[4], n[5]
    for at in range(0, width * batch, LANES):
        values = take(z, source + at)
        put(z, out + at, values * below(values))


@Part
def gelu_backward(n: Array, p: Array, z: Array, x: Array, s: Array) -> None:
    """z[gradient] ← g (Φ(x) + x φ(x)), with φ the normal density."""
    batch, width, source, gradient = n[2], n[3], n[4], n[6]
    for at in range(0, width * batch, LANES):
        values = take(z, source + at)
        density = broadcast(z, 0.3989422804014327) * exp(broadcast(z, -0.5) * values * values)
        slope = fma(values, density, below(values))
        put(z, gradient + at, take(z, gradient + at) * slope)


class StackedGELU(StackedActivation):
    """The Gaussian error linear unit in a program; its slope needs the input."""

    FORWARD, BACKWARD = gelu_forward, gelu_backward
    in_place = False


Textbook = GELU
Stacked = StackedGELU
