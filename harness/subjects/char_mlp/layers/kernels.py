"""What the stacked layers share: signals in memory, and compiled loops.

A kernel is a loop nest over (member, row, unit), compiled by numba. It computes each member with
the same instructions in the same order, whatever the number of members. This makes the result of a
run independent of the stack in which it is trained.
"""

import math
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Array = npt.NDArray[Any]
Compile = Callable[[Callable[..., None]], Callable[..., None]]

CACHE_LINE = 64  # bytes

# Fused multiply-add is the only optimisation that changes bits; it cannot depend on the stack.
kernel: Compile = numba.njit(cache=True, fastmath={"contract"}, error_model="numpy")

# Sums along a row may also be reordered for vectors: the order depends only on the row's length.
row_kernel: Compile = numba.njit(
    cache=True, fastmath={"contract", "reassoc", "nsz"}, error_model="numpy"
)


class Signal:
    """One matrix for each member: activations, gradients or weights.

    Rows and columns are padded to whole cache lines, so that matrix products need no remainder
    loops. The padding is zero at first, and no result depends on it. Each row takes an odd number
    of cache lines, because rows at a distance of a power of two evict each other from the cache:
    this saves products 10 % of their time at width 256, and 30 % at 512.

    Attributes:
        tensor: (K, B, H), for torch.
        array: (K, padded B, padded H), the same memory, contiguous, for kernels.
        rows, columns: B and H.
    """

    def __init__(self, members: int, rows: int, columns: int, dtype: torch.dtype) -> None:
        line = CACHE_LINE // dtype.itemsize
        row = (math.ceil(columns / line) | 1) * line
        memory = torch.zeros(members, math.ceil(rows / line) * line, row, dtype=dtype)
        self.tensor = memory[:, :rows, :columns]
        self.array: Array = memory.numpy()
        self.rows, self.columns = rows, columns

    @classmethod
    def of(cls, matrices: list[Tensor]) -> "Signal":
        """A signal with one member for each matrix."""
        rows, columns = matrices[0].shape
        signal = cls(len(matrices), rows, columns, matrices[0].dtype)
        signal.tensor.copy_(torch.stack(matrices))
        return signal


@kernel
def energies(signal: Array, rows: int, energy: Array) -> None:
    """Each member's sum of squares (K,). It is NaN or huge if any entry is."""
    members, _, columns = signal.shape
    for k in range(members):
        total = np.zeros(columns, signal.dtype)
        for b in range(rows):
            for h in range(columns):
                total[h] += signal[k, b, h] * signal[k, b, h]
        energy[k] = total.sum()
