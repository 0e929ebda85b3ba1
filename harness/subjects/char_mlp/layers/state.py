"""Where the parameters of a member lie: equal places for all members of a stack."""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.subjects.char_mlp.layers.lanes import LANES
from harness.subjects.char_mlp.layers.parts import Array, padded
from harness.subjects.char_mlp.layers.products import MOST_ROWS


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
