"""Layer normalisation (Ba, Kiros & Hinton 2016)."""

import numpy as np
import torch
from torch import Tensor

from harness.subjects.char_mlp.layers.kernels import Array, Signal, row_kernel
from harness.subjects.char_mlp.layers.state import arrays, numpy_dtype, stacked_state


class LayerNorm:
    """Standardises each row over its units, scales it by γ and shifts it by β (equations 3, 4).

    Args:
        width: units, H.
        eps: added to the variance.

    Attributes:
        gamma, beta: trained (H,).
        out: the last output.
    """

    def __init__(self, width: int, eps: float = 1e-5) -> None:
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


class StackedLayerNorm:
    """Layer normalisation of all members.

    Attributes:
        state: γ and β, each (K, H).
    """

    def __init__(self, members: list[LayerNorm], rows: int, dtype: torch.dtype) -> None:
        self.state = stacked_state(members)
        self.gamma, self.beta = arrays(self.state)
        self.eps = members[0].eps
        shape = self.gamma.shape  # (K, H)
        self.d_gamma, self.d_beta = (np.empty(shape, numpy_dtype(dtype)) for _ in range(2))
        self.standardised = Signal(shape[0], rows, shape[1], dtype)
        self.scale = np.empty((shape[0], rows), numpy_dtype(dtype))

    def forward(self, x: Signal) -> Signal:
        """Normalise x in place."""
        layer_norm_forward(
            x.array, x.rows, self.eps, self.gamma, self.beta, self.standardised.array, self.scale
        )
        return x

    def evaluate(self, x: Signal) -> Signal:
        """Normalise x in place, as in training mode."""
        layer_norm_evaluate(x.array, x.rows, self.eps, self.gamma, self.beta)
        return x

    def backward(self, gradient: Signal) -> Signal:
        """Replace the outputs' gradient by the inputs'; compute those of γ and β."""
        layer_norm_backward(
            gradient.array,
            gradient.rows,
            self.gamma,
            self.standardised.array,
            self.scale,
            self.d_gamma,
            self.d_beta,
        )
        return gradient

    def gradients(self) -> dict[str, Array]:
        """What the next update subtracts, by attribute, each (K, H)."""
        return {"gamma": self.d_gamma, "beta": self.d_beta}

    def update(self) -> None:
        """Subtract the gradients."""
        self.gamma -= self.d_gamma
        self.beta -= self.d_beta


@row_kernel
def layer_norm_forward(
    x: Array, rows: int, eps: float, gamma: Array, beta: Array, standardised: Array, scale: Array
) -> None:
    """x ← γ x̂ + β with x̂ = (x − mean) / √(variance + eps), over each row's units."""
    members, width = gamma.shape
    share = x.dtype.type(1 / width)
    for k in range(members):
        for b in range(rows):
            row, mean, variance = x[k, b], x.dtype.type(0), x.dtype.type(0)
            for h in range(width):
                mean += row[h]
            mean *= share
            for h in range(width):
                variance += (row[h] - mean) * (row[h] - mean)
            scale[k, b] = 1 / np.sqrt(variance * share + x.dtype.type(eps))
            for h in range(width):
                standardised[k, b, h] = (row[h] - mean) * scale[k, b]
                row[h] = gamma[k, h] * standardised[k, b, h] + beta[k, h]


@row_kernel
def layer_norm_evaluate(x: Array, rows: int, eps: float, gamma: Array, beta: Array) -> None:
    """The same as `layer_norm_forward`, without results for a backward pass."""
    members, width = gamma.shape
    share = x.dtype.type(1 / width)
    for k in range(members):
        for b in range(rows):
            row, mean, variance = x[k, b], x.dtype.type(0), x.dtype.type(0)
            for h in range(width):
                mean += row[h]
            mean *= share
            for h in range(width):
                variance += (row[h] - mean) * (row[h] - mean)
            scale = 1 / np.sqrt(variance * share + x.dtype.type(eps))
            for h in range(width):
                row[h] = gamma[k, h] * ((row[h] - mean) * scale) + beta[k, h]


@row_kernel
def layer_norm_backward(
    gradient: Array,
    rows: int,
    gamma: Array,
    standardised: Array,
    scale: Array,
    d_gamma: Array,
    d_beta: Array,
) -> None:
    """g ← (ĝ − mean(ĝ) − x̂ mean(ĝ x̂)) / σ with ĝ = γ g, the means over each row's units."""
    members, width = gamma.shape
    share = gradient.dtype.type(1 / width)
    for k in range(members):
        d_gamma[k] = 0
        d_beta[k] = 0
        for b in range(rows):
            g, unit = gradient[k, b], standardised[k, b]  # (H,)
            plain, along = gradient.dtype.type(0), gradient.dtype.type(0)
            for h in range(width):
                d_beta[k, h] += g[h]
                d_gamma[k, h] += g[h] * unit[h]
                g[h] *= gamma[k, h]
                plain += g[h]
                along += g[h] * unit[h]
            plain *= share
            along *= share
            for h in range(width):
                g[h] = scale[k, b] * (g[h] - plain - unit[h] * along)


Textbook = LayerNorm
Stacked = StackedLayerNorm
