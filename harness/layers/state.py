"""A layer's state by attribute name: of one network, and of all members of a stack."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from harness.layers.kernels import Array


class Layer(Protocol):
    """A textbook layer: called with a batch, it keeps its output and trains its parameters.

    Besides, a layer that behaves differently in training has an attribute `training`, and one with
    numbers of its own has `state()`, the tensors that define it by attribute.
    """

    out: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        """The layer's output for a batch."""

    def parameters(self) -> list[Tensor]:
        """What it trains."""


def stacked_state(members: Sequence[Any]) -> dict[str, Tensor]:
    """The members' state, each tensor with a first axis of members, its memory contiguous."""
    states = [member.state() for member in members]
    return {name: torch.stack([state[name].detach() for state in states]) for name in states[0]}


def arrays(state: dict[str, Tensor]) -> list[Array]:
    """The entries of a state as arrays on the same memory.

    Made once a layer and not at each step: each takes torch 0.6 µs, twice as long as many a kernel.
    """
    return [tensor.numpy() for tensor in state.values()]


def numpy_dtype(dtype: torch.dtype) -> np.dtype[Any]:
    """The same type of number in NumPy's terms."""
    return torch.empty(0, dtype=dtype).numpy().dtype
