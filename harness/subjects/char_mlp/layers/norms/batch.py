"""Batch normalisation (Ioffe & Szegedy 2015)."""

import numpy as np
import torch
from torch import Tensor

from harness.errors import UserError
from harness.subjects.char_mlp.layers.kernels import Array, Signal, kernel
from harness.subjects.char_mlp.layers.state import arrays, numpy_dtype, stacked_state


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
        self, width: int, eps: float = 1e-5, momentum: float = 0.1, unbiased: bool = False
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


class StackedBatchNorm:
    """Batch normalisation of all members, in few passes over each member's rows.

    Attributes:
        state: γ, β and the running statistics, each (K, H).
    """

    def __init__(self, members: list[BatchNorm1d], rows: int, dtype: torch.dtype) -> None:
        self.state = stacked_state(members)
        self.gamma, self.beta, self.running_mean, self.running_var = arrays(self.state)
        self.eps, self.momentum = members[0].eps, members[0].momentum
        shape = self.gamma.shape  # (K, H)
        self.mean, self.variance, self.d_gamma, self.d_beta = (
            np.empty(shape, numpy_dtype(dtype)) for _ in range(4)
        )
        self.standardised = Signal(shape[0], rows, shape[1], dtype)

    def forward(self, x: Signal) -> Signal:
        """Normalise x in place with the batch's statistics."""
        batch_norm_forward(
            x.array,
            x.rows,
            self.eps,
            self.gamma,
            self.beta,
            self.standardised.array,
            self.mean,
            self.variance,
        )
        return x

    def evaluate(self, x: Signal) -> Signal:
        """Normalise x in place with the running statistics."""
        batch_norm_evaluate(
            x.array, x.rows, self.eps, self.gamma, self.beta, self.running_mean, self.running_var
        )
        return x

    def backward(self, gradient: Signal) -> Signal:
        """Replace the outputs' gradient by the inputs'; compute those of γ and β."""
        batch_norm_backward(
            gradient.array,
            gradient.rows,
            self.eps,
            self.gamma,
            self.standardised.array,
            self.variance,
            self.d_gamma,
            self.d_beta,
        )
        return gradient

    def gradients(self) -> dict[str, Array]:
        """What the next update subtracts, by attribute, each (K, H)."""
        return {"gamma": self.d_gamma, "beta": self.d_beta}

    def update(self) -> None:
        """Subtract the gradients, and update the running statistics with the batch's."""
        batch_norm_update(
            self.gamma,
            self.beta,
            self.running_mean,
            self.running_var,
            self.d_gamma,
            self.d_beta,
            self.mean,
            self.variance,
            self.momentum,
        )


@kernel
def batch_norm_forward(
    x: Array,
    rows: int,
    eps: float,
    gamma: Array,
    beta: Array,
    standardised: Array,
    mean: Array,
    variance: Array,
) -> None:
    """x ← γ x̂ + β with x̂ = (x − mean) / √(variance + eps), over each member's rows."""
    members, width = gamma.shape
    for k in range(members):
        m, v = mean[k], variance[k]  # (H,)
        m[:] = 0
        v[:] = 0
        for b in range(rows):
            for h in range(width):
                m[h] += x[k, b, h]
        m /= x.dtype.type(rows)
        for b in range(rows):
            for h in range(width):
                v[h] += (x[k, b, h] - m[h]) * (x[k, b, h] - m[h])
        v /= x.dtype.type(rows)
        scale = 1 / np.sqrt(v + x.dtype.type(eps))
        for b in range(rows):
            for h in range(width):
                standardised[k, b, h] = (x[k, b, h] - m[h]) * scale[h]
                x[k, b, h] = gamma[k, h] * standardised[k, b, h] + beta[k, h]


@kernel
def batch_norm_evaluate(
    x: Array, rows: int, eps: float, gamma: Array, beta: Array, mean: Array, variance: Array
) -> None:
    """x ← γ (x − mean) / √(variance + eps) + β with the running mean and variance."""
    members, width = gamma.shape
    for k in range(members):
        scale = gamma[k] / np.sqrt(variance[k] + x.dtype.type(eps))
        for b in range(rows):
            for h in range(width):
                x[k, b, h] = (x[k, b, h] - mean[k, h]) * scale[h] + beta[k, h]


@kernel
def batch_norm_backward(
    gradient: Array,
    rows: int,
    eps: float,
    gamma: Array,
    standardised: Array,
    variance: Array,
    d_gamma: Array,
    d_beta: Array,
) -> None:
    """g ← γ/σ (g − mean(g) − x̂ mean(g x̂)): the gradients of the paper's section 3, combined."""
    members, width = gamma.shape
    for k in range(members):
        by_gamma, by_beta = d_gamma[k], d_beta[k]  # (H,)
        by_gamma[:] = 0
        by_beta[:] = 0
        for b in range(rows):
            for h in range(width):
                by_beta[h] += gradient[k, b, h]
                by_gamma[h] += gradient[k, b, h] * standardised[k, b, h]
        scale = gamma[k] / np.sqrt(variance[k] + gradient.dtype.type(eps))
        share = gradient.dtype.type(1 / rows)
        for b in range(rows):
            for h in range(width):
                along = by_beta[h] + standardised[k, b, h] * by_gamma[h]
                gradient[k, b, h] = scale[h] * (gradient[k, b, h] - share * along)


@kernel
def batch_norm_update(
    gamma: Array,
    beta: Array,
    running_mean: Array,
    running_var: Array,
    d_gamma: Array,
    d_beta: Array,
    mean: Array,
    variance: Array,
    momentum: float,
) -> None:
    """Subtract the gradients of γ and β, and average the batch's statistics into the running."""
    members, width = gamma.shape
    new = gamma.dtype.type(momentum)
    old = gamma.dtype.type(1 - momentum)
    for k in range(members):
        for h in range(width):
            gamma[k, h] -= d_gamma[k, h]
            beta[k, h] -= d_beta[k, h]
            running_mean[k, h] = old * running_mean[k, h] + new * mean[k, h]
            running_var[k, h] = old * running_var[k, h] + new * variance[k, h]


Textbook = BatchNorm1d
Stacked = StackedBatchNorm
