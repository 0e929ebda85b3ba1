"""Layer normalisation (Ba, Kiros & Hinton 2016)."""

import torch
from torch import Tensor

from harness.subjects.char_mlp.layers.lanes import (
    LANES,
    broadcast,
    fma,
    masked,
    prefetch,
    put,
    square_root,
    take,
)
from harness.subjects.char_mlp.layers.norms import StackedNorm
from harness.subjects.char_mlp.layers.parts import Array, Part, Program
from harness.subjects.char_mlp.layers.signals import AHEAD
from harness.subjects.char_mlp.layers.sums import sums_of_products, sums_of_rows

EPS = 1e-5


class LayerNorm:
    """Standardises each row over its units, scales it by γ and shifts it by β (equations 3, 4).

    Args:
        width: units, H.
        eps: added to the variance.

    Attributes:
        gamma, beta: trained (H,).
        out: the last output.
    """

    def __init__(self, width: int, eps: float = EPS) -> None:
        self.eps = eps
        self.gamma = torch.ones(width)
        self.beta = torch.zeros(width)

    def __call__(self, x: Tensor) -> Tensor:
        """The normalised x (B, H)."""
        mean = x.mean(1, keepdim=True)  # (B, 1)
        variance = x.var(1, unbiased=False, keepdim=True)  # (B, 1)
        standardised = (x - mean) / torch.sqrt(variance + self.eps)
        self.out = self.gamma * standardised + self.beta
        return self.out

    def parameters(self) -> list[Tensor]:
        """What is trained: γ and β."""
        return [self.gamma, self.beta]

    def state(self) -> dict[str, Tensor]:
        """The tensors that define the layer, by attribute."""
        return {"gamma": self.gamma, "beta": self.beta}


class StackedLayerNorm(StackedNorm):
    """Layer normalisation in a program.

    Attributes:
        places: of γ and β, each (H,).
    """

    def forward(self, program: Program, source: int) -> int:
        """Normalise each example over its units; x̂ takes the place of the input."""
        self.standardised, out = source, program.signal(self.units)
        self.scale = program.memory(program.batch)
        program.add(layer_norm_forward, self.units, self.gamma, self.beta, source, out, self.scale)
        return out

    evaluate = forward

    def backward(self, program: Program, gradient: int) -> None:
        """Replace the outputs' gradient by the inputs'; compute those of γ and β."""
        self.d_gamma, self.d_beta = (program.memory(self.units) for _ in range(2))
        program.add(
            layer_norm_backward, self.units, self.gamma, gradient, self.standardised, self.scale,
            self.d_gamma, self.d_beta,
        )  # fmt: skip
        self.note_energy(program)


@Part
def layer_norm_forward(n: Array, p: Array, z: Array, x: Array, s: Array) -> None:
    """z[out] ← γ x̂ + β and z[source] ← x̂ = (x − mean) / √(variance + eps), both (H, batch)."""
    batch, width, gamma, beta, source, out, scale = n[2], n[3], n[4], n[5], n[6], n[7], n[8]
    count = broadcast(z, 1.0 * width)
    for b in range(0, batch, LANES):
        sums, squares = broadcast(z, 0.0), broadcast(z, 0.0)
        for at in range(b, b + width * batch, batch):
            sums = sums + take(z, source + at)
        mean = sums / count
        for at in range(b, b + width * batch, batch):
            apart = take(z, source + at) - mean
            squares = fma(apart, apart, squares)
        factor = broadcast(z, 1.0) / square_root(squares / count + broadcast(z, EPS))
        put(z, scale + b, factor)
        for h in range(width):
            at = b + h * batch
            prefetch(z, out + at + AHEAD * batch)
            standardised = (take(z, source + at) - mean) * factor
            put(z, source + at, standardised)
            shifted = fma(broadcast(z, p[gamma + h]), standardised, broadcast(z, p[beta + h]))
            put(z, out + at, shifted)


@Part
def layer_norm_backward(n: Array, p: Array, z: Array, x: Array, s: Array) -> None:
    """g ← (ĝ − mean(ĝ) − x̂ mean(ĝ x̂)) / σ with ĝ = γ g, the means over each example's units."""
    examples, batch, width, gamma, gradient, standardised = n[1], n[2], n[3], n[4], n[5], n[6]
    scale, d_gamma, d_beta = n[7], n[8], n[9]
    for h in range(0, width, LANES):
        row, unit = gradient + h * batch, standardised + h * batch
        plain = sums_of_rows(z, row, batch, examples)
        along = sums_of_products(z, row, unit, batch, examples)
        put(z, d_beta + h, masked(plain, h, width))
        put(z, d_gamma + h, masked(along, h, width))
    share = broadcast(z, -1.0 / width)
    for b in range(0, batch, LANES):
        plain, along = broadcast(z, 0.0), broadcast(z, 0.0)
        for h in range(width):
            at = b + h * batch
            g = take(z, gradient + at) * broadcast(z, p[gamma + h])
            put(z, gradient + at, g)
            plain = plain + g
            along = fma(g, take(z, standardised + at), along)
        factor = take(z, scale + b)
        for at in range(b, b + width * batch, batch):
            common = fma(take(z, standardised + at), along, plain)
            put(z, gradient + at, factor * fma(share, common, take(z, gradient + at)))


Textbook = LayerNorm
Stacked = StackedLayerNorm
