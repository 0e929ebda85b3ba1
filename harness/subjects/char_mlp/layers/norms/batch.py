"""Batch normalisation (Ioffe & Szegedy 2015)."""

import torch
from torch import Tensor

from harness.errors import UserError
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
from harness.subjects.char_mlp.layers.state import Layout
from harness.subjects.char_mlp.layers.sums import sums_of_products, sums_of_rows, sums_of_squares

EPS, MOMENTUM = 1e-5, 0.1


class BatchNorm1d:
    """Standardises each unit over the batch, scales it by γ and shifts it by β (algorithm 1).

    Args:
        width: units, H.
        eps: added to the variance.
        momentum: weight of the newest batch in the running statistics.
        unbiased: whether the batch's variance is divided by B − 1, as in the lecture; the paper and
            this default divide by B. torch.nn divides by B for normalising and by B − 1 for its
            running variance.

    Attributes:
        gamma, beta: trained (H,).
        running_mean, running_var: used in eval mode (H,).
        training: whether to use the batch's statistics and to update the running ones.
        out: the last output.
    """

    def __init__(
        self, width: int, eps: float = EPS, momentum: float = MOMENTUM, unbiased: bool = False
    ) -> None:
        self.eps = eps
        self.momentum = momentum
        self.unbiased = unbiased
        self.training = True
        self.gamma = torch.ones(width)
        self.beta = torch.zeros(width)
        self.running_mean = torch.zeros(width)
        self.running_var = torch.ones(width)

    def __call__(self, x: Tensor) -> Tensor:
        """The normalised x (B, H).

        Raises:
            UserError: a batch of one row in training mode, which has no variance.
        """
        if self.training:
            if len(x) < 2:
                raise UserError(
                    "BatchNorm in training mode needs at least 2 rows",
                    len(x),
                    "Use a larger batch, or set training = False to use the running statistics.",
                )
            mean = x.mean(0)  # (H,)
            variance = x.var(0, unbiased=self.unbiased)  # (H,)
            self._update_statistics(mean, variance)
        else:
            mean, variance = self.running_mean, self.running_var
        standardised = (x - mean) / torch.sqrt(variance + self.eps)
        self.out = self.gamma * standardised + self.beta
        return self.out

    @torch.no_grad()
    def _update_statistics(self, mean: Tensor, variance: Tensor) -> None:
        self.running_mean = (1 - self.momentum) * self.running_mean + self.momentum * mean
        self.running_var = (1 - self.momentum) * self.running_var + self.momentum * variance

    def parameters(self) -> list[Tensor]:
        """What is trained: γ and β."""
        return [self.gamma, self.beta]

    def state(self) -> dict[str, Tensor]:
        """The tensors that define the layer, by attribute."""
        return {
            "gamma": self.gamma,
            "beta": self.beta,
            "running_mean": self.running_mean,
            "running_var": self.running_var,
        }


class StackedBatchNorm(StackedNorm):
    """Batch normalisation in a program.

    Attributes:
        places: of γ, β and the running statistics, each (H,).
    """

    def __init__(self, textbook: BatchNorm1d, units: int, layout: Layout) -> None:
        super().__init__(textbook, units, layout)
        self.running_mean = self.places["running_mean"].at
        self.running_var = self.places["running_var"].at

    def forward(self, program: Program, source: int) -> int:
        """Normalise with the batch's statistics; x̂ takes the place of the input."""
        self.standardised, out = source, program.signal(self.units)
        self.mean, self.variance, self.scale = (program.memory(self.units) for _ in range(3))
        program.add(
            batch_norm_forward, self.units, self.gamma, self.beta, source, out, self.mean,
            self.variance, self.scale,
        )  # fmt: skip
        return out

    def evaluate(self, program: Program, source: int) -> int:
        """Normalise in place with the running statistics."""
        program.add(
            batch_norm_evaluate, self.units, self.gamma, self.beta, self.running_mean,
            self.running_var, source,
        )  # fmt: skip
        return source

    def backward(self, program: Program, gradient: int) -> None:
        """Replace the outputs' gradient by the inputs'; compute those of γ and β."""
        self.d_gamma, self.d_beta = (program.memory(self.units) for _ in range(2))
        program.add(
            batch_norm_backward, self.units, self.gamma, gradient, self.standardised, self.scale,
            self.d_gamma, self.d_beta,
        )  # fmt: skip
        self.note_energy(program)

    def update_buffers(self, program: Program) -> None:
        """Average the batch's statistics into the running ones."""
        for running, newest in (
            (self.running_mean, self.mean), (self.running_var, self.variance)
        ):  # fmt: skip
            program.add(running_average, self.units, running, newest)


@Part
def batch_norm_forward(n: Array, p: Array, z: Array, x: Array, s: Array) -> None:
    """z[out] ← γ x̂ + β and z[source] ← x̂ = (x − mean) / √(variance + eps), both (H, batch)."""
    examples, batch, width, gamma, beta, source, out = n[1], n[2], n[3], n[4], n[5], n[6], n[7]
    mean, variance, scale = n[8], n[9], n[10]
    share = broadcast(z, 1.0 / examples)
    for h in range(0, width, LANES):
        sums = sums_of_rows(z, source + h * batch, batch, examples)
        put(z, mean + h, masked(sums, h, width) * share)
    for h in range(0, width, LANES):  # a loop of its own: means are loaded faster than shuffled
        sums = sums_of_squares(z, source + h * batch, mean + h, batch, examples)
        average = masked(sums, h, width) * share
        put(z, variance + h, average)
        put(z, scale + h, broadcast(z, 1.0) / square_root(average + broadcast(z, EPS)))
    for b in range(0, batch, LANES):
        for h in range(width):
            at = h * batch + b
            prefetch(z, out + at + AHEAD * batch)
            apart = take(z, source + at) - broadcast(z, z[mean + h])
            standardised = apart * broadcast(z, z[scale + h])
            put(z, source + at, standardised)
            shifted = fma(broadcast(z, p[gamma + h]), standardised, broadcast(z, p[beta + h]))
            put(z, out + at, shifted)


@Part
def batch_norm_evaluate(n: Array, p: Array, z: Array, x: Array, s: Array) -> None:
    """z[source] (H, batch) ← γ (x − mean) / √(variance + eps) + β, with running statistics."""
    batch, width, gamma, beta, mean, variance, source = n[2], n[3], n[4], n[5], n[6], n[7], n[8]
    for h in range(width):
        root = square_root(broadcast(z, p[variance + h]) + broadcast(z, EPS))
        factor = broadcast(z, p[gamma + h]) / root
        middle, shift = broadcast(z, p[mean + h]), broadcast(z, p[beta + h])
        for at in range(source + h * batch, source + (h + 1) * batch, LANES):
            put(z, at, fma(take(z, at) - middle, factor, shift))


@Part
def batch_norm_backward(n: Array, p: Array, z: Array, x: Array, s: Array) -> None:
    """g ← γ/σ (g − mean(g) − x̂ mean(g x̂)): the gradients of the paper's section 3, combined.

    z[scale] (H,), which is 1/σ, becomes γ/σ.
    """
    examples, batch, width, gamma, gradient, standardised = n[1], n[2], n[3], n[4], n[5], n[6]
    scale, d_gamma, d_beta = n[7], n[8], n[9]
    share = broadcast(z, -1.0 / examples)
    for h in range(0, width, LANES):
        row, unit = gradient + h * batch, standardised + h * batch
        plain = sums_of_rows(z, row, batch, examples)
        along = sums_of_products(z, row, unit, batch, examples)
        put(z, d_beta + h, masked(plain, h, width))
        put(z, d_gamma + h, masked(along, h, width))
        put(z, scale + h, take(z, scale + h) * take(p, gamma + h))
    for b in range(0, batch, LANES):
        for h in range(width):
            at = h * batch + b
            by_gamma, by_beta = broadcast(z, z[d_gamma + h]), broadcast(z, z[d_beta + h])
            common = fma(take(z, standardised + at), by_gamma, by_beta)
            whole = fma(share, common, take(z, gradient + at))
            put(z, gradient + at, broadcast(z, z[scale + h]) * whole)


@Part
def running_average(n: Array, p: Array, z: Array, x: Array, s: Array) -> None:
    """p[running] (H,) ← (1 − momentum) p[running] + momentum z[newest]."""
    width, running, newest = n[3], n[4], n[5]
    for h in range(0, width, LANES):
        new = broadcast(z, MOMENTUM) * take(z, newest + h)
        put(p, running + h, fma(broadcast(z, 1 - MOMENTUM), take(p, running + h), new))


Textbook = BatchNorm1d
Stacked = StackedBatchNorm
