"""Activations; each file is named like its level. What they have in common is here."""

import math
from typing import Any, ClassVar

from torch import Tensor

from harness.subjects.char_mlp.layers.parts import Part, Program


class Activation:
    """An elementwise function in textbook form: nothing is trained.

    Attributes:
        sloped: range of outputs with a slope that matters.
        saturates: whether outputs outside that range count as saturated.
        out: the last output.
    """

    sloped: tuple[float, float] = (-math.inf, math.inf)
    saturates = False
    out: Tensor

    def parameters(self) -> list[Tensor]:
        """No parameters."""
        return []

    def state(self) -> dict[str, Tensor]:
        """No state."""
        return {}


class StackedActivation:
    """An elementwise function in a program; nothing is trained.

    A subclass binds `FORWARD`, a part that writes z[out] ← f(z[source]), and `BACKWARD`, which
    multiplies z[gradient] by the slope at z[source], where the output is z[out]. Their numbers are:
    units, source, out, gradient.

    Attributes:
        places: none.
        in_place: whether the output may take the place of the input, since `BACKWARD` reads only
            the output.
    """

    FORWARD: ClassVar[Part]
    BACKWARD: ClassVar[Part]
    in_place = True
    places: ClassVar[dict[str, Any]] = {}

    def __init__(self, _: Activation, units: int, __: object) -> None:
        self.units = units

    def forward(self, program: Program, source: int) -> int:
        """The activations, in training and eval mode alike."""
        self.source = source
        self.out = source if self.in_place else program.signal(self.units)
        program.add(self.FORWARD, self.units, source, self.out)
        return self.out

    evaluate = forward

    def backward(self, program: Program, gradient: int) -> None:
        """Replace the outputs' gradient by the inputs'."""
        program.add(self.BACKWARD, self.units, self.source, self.out, gradient)

    def update(self, program: Program) -> None:
        """Nothing is trained."""
