"""Activations; each file is named like its level. What they have in common is here."""

import math

from torch import Tensor

from harness.subjects.char_mlp.layers.kernels import Array, Signal


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
    """An elementwise function of all members, in place.

    Attributes:
        out: the last output in training mode.
    """

    out: Signal

    def __init__(self, *_: object) -> None:
        self.state: dict[str, Tensor] = {}

    def gradients(self) -> dict[str, Array]:
        """No gradients."""
        return {}

    def update(self) -> None:
        """Nothing is trained."""
