"""The two forms of a layer: as the lecture writes it, and as parts of a program."""

from collections.abc import Mapping
from typing import Protocol

import torch
from torch import Tensor

from harness.subjects.char_mlp.layers.parts import Program
from harness.subjects.char_mlp.layers.state import Place


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


class StackedLayer(Protocol):
    """A norm or an activation in programs. Every method appends parts to one, and runs nothing.

    Signals are named by their places in the memory of a step. `forward`, `backward` and `update`
    are called once each, in this order: what the first sets aside, the next ones use. A layer with
    buffers, such as running statistics, also has `update_buffers(program)`, which gives them the
    values that the forward pass has computed, once the step is taken.
    """

    @property
    def places(self) -> Mapping[str, Place]:
        """Where the layer's tensors lie, by attribute."""

    def forward(self, program: Program, source: int) -> int:
        """The output in training mode for the signal at `source`, which may be overwritten."""

    def evaluate(self, program: Program, source: int) -> int:
        """The output in eval mode for the signal at `source`, which may be overwritten."""

    def backward(self, program: Program, gradient: int) -> None:
        """Replace the outputs' gradient by the inputs'; compute those of the parameters."""

    def update(self, program: Program) -> None:
        """Subtract the parameters' gradients, times the learning rate."""
