"""The embedding of characters."""

import numpy as np
import torch
from torch import Tensor

from harness.subjects.char_mlp.layers.kernels import Array, Signal, kernel
from harness.subjects.char_mlp.layers.state import arrays, numpy_dtype, stacked_state


class Embedding:
    """One row of weights for each character; a context's rows are concatenated.

    Attributes:
        weight: (V, E), drawn from N(0, 1).
        out: the last output.
    """

    def __init__(self, vocabulary: int, size: int, generator: torch.Generator) -> None:
        self.weight = torch.randn((vocabulary, size), generator=generator)

    def __call__(self, x: Tensor) -> Tensor:
        """The embedded contexts (B, C × E) of character numbers x (B, C)."""
        self.out = self.weight[x].view(len(x), -1)  # (B, C, E) -> (B, C × E)
        return self.out

    def parameters(self) -> list[Tensor]:
        """What is trained: the weight."""
        return [self.weight]

    def state(self) -> dict[str, Tensor]:
        """The tensors that define the layer, by attribute."""
        return {"weight": self.weight}


class StackedEmbedding:
    """The embeddings of all members.

    Attributes:
        state: weight (K, V, E).
    """

    def __init__(
        self, members: list[Embedding], rows: int, context: int, dtype: torch.dtype
    ) -> None:
        self.state = stacked_state(members)
        (self.weight,) = arrays(self.state)
        count, _, size = self.weight.shape
        self.out = Signal(count, rows, context * size, dtype)
        self.d_weight = np.zeros(self.weight.shape, numpy_dtype(dtype))
        self.x: Array

    def forward(self, x: Array) -> Signal:
        """The embedded contexts (K, B, C × E) of character numbers x (K, B, C)."""
        self.x = x
        return self.apply(x, self.out)

    def apply(self, x: Array, out: Signal) -> Signal:
        """The embedded contexts, written to `out`."""
        embed(self.weight, x, out.array)
        return out

    def backward(self, d_out: Signal) -> None:
        """Compute the weight's gradient from the output's."""
        embed_backward(d_out.array, self.x, self.d_weight)

    def gradients(self) -> dict[str, Array]:
        """What the next update subtracts, by attribute."""
        return {"weight": self.d_weight}

    def update(self) -> None:
        """Subtract the gradients."""
        self.weight -= self.d_weight


@kernel
def embed(weight: Array, x: Array, out: Array) -> None:
    """out (K, B, C × E) ← the rows of weight (K, V, E) at indices x (K, B, C)."""
    members, rows, context = x.shape
    size = weight.shape[2]
    for k in range(members):
        for b in range(rows):
            for c in range(context):
                for e in range(size):
                    out[k, b, c * size + e] = weight[k, x[k, b, c], e]


@kernel
def embed_backward(d_out: Array, x: Array, d_weight: Array) -> None:
    """d_weight (K, V, E) ← for each row, the sum of d_out (K, B, C × E) where x has its index."""
    members, rows, context = x.shape
    size = d_weight.shape[2]
    for k in range(members):
        d_weight[k] = 0
        for b in range(rows):
            for c in range(context):
                for e in range(size):
                    d_weight[k, x[k, b, c], e] += d_out[k, b, c * size + e]
