"""Where the parameters of a member lie, and what every layer has in common."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from harness.subjects.char_mlp.layers.lanes import LANES
from harness.subjects.char_mlp.layers.parts import Array, Program, padded
from harness.subjects.char_mlp.layers.products import MOST_ROWS
from harness.subjects.char_mlp.layers.signals import subtract, vector_energy


class Draw(Protocol):
    """Draws N(0, 1) numbers, as torch.randn does."""

    def __call__(self, size: tuple[int, ...], /, *, generator: torch.Generator) -> Tensor:
        """A tensor of a size, in float32."""


class Layer(Protocol):
    """A textbook layer.

    A layer that behaves differently in training mode also has the attribute `training`. Every layer
    of a network has `state()`: the tensors that define it, by attribute.

    Attributes:
        out: the last output.
    """

    out: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        """The output for a batch."""

    def parameters(self) -> list[Tensor]:
        """What is trained."""


@dataclass(frozen=True)
class Place:
    """Where a tensor of up to two axes lies among a member's parameters.

    Attributes:
        at: its first number.
        shape: of the tensor.
        stride: numbers from one row to the next.
    """

    at: int
    shape: tuple[int, ...]
    stride: int

    @property
    def span(self) -> tuple[int, int]:
        """Where its numbers begin and end."""
        return self.at, self.at + (self.shape[0] if len(self.shape) == 2 else 1) * self.stride

    def of(self, parameters: Array) -> Array:
        """A view of the tensor in the parameters of some members (K, P): (K, *shape)."""
        start, end = self.span
        rows = parameters[:, start:end].reshape(len(parameters), -1, self.stride)
        view: Array = rows[:, :, : self.shape[-1] if self.shape else 1]
        return view if len(self.shape) == 2 else view[:, 0] if self.shape else view[:, 0, 0]


class Layout:
    """Assigns places to the parameters of a member.

    Attributes:
        size: numbers that all take.
    """

    def __init__(self) -> None:
        self.size = 0

    def place(self, shape: Sequence[int]) -> Place:
        """A place for a vector, or for a matrix whose rows begin on whole vectors.

        A matrix has more rows than it needs, for what tiles read and write beyond it. A row takes
        an odd number of vectors: rows at a distance of a power of two evict each other from the
        cache.
        """
        columns = padded(shape[-1] if shape else 1)
        rows, stride = 1, columns
        if len(shape) == 2:
            rows = shape[0] + MOST_ROWS
            stride = columns if columns <= 2 * LANES else (columns // LANES | 1) * LANES
        place = Place(self.size, tuple(shape), stride)
        self.size += rows * stride
        return place


class StackedNorm:
    """A norm with γ and β in a program.

    Attributes:
        places: of the layer's tensors, each (H,).
        gamma, beta: where they begin.
        units: H.
        d_gamma, d_beta: where their gradients begin, once there is a backward pass.
    """

    d_gamma: int
    d_beta: int

    def __init__(self, textbook: Any, units: int, layout: Layout) -> None:
        self.units, state = units, textbook.state()
        self.places = {name: layout.place(tensor.shape) for name, tensor in state.items()}
        self.gamma, self.beta = self.places["gamma"].at, self.places["beta"].at

    def note_energy(self, program: Program) -> None:
        """Let the gradients of γ and β count in `ENERGY`."""
        program.add(vector_energy, self.units, self.d_gamma)
        program.add(vector_energy, self.units, self.d_beta)

    def update(self, program: Program) -> None:
        """Subtract the gradients of γ and β."""
        program.add(subtract, self.units, self.gamma, self.d_gamma)
        program.add(subtract, self.units, self.beta, self.d_beta)
