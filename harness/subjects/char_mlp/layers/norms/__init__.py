"""Norms; each file is named like its level. What they have in common is here."""

from typing import Any

from harness.subjects.char_mlp.layers.parts import Program
from harness.subjects.char_mlp.layers.signals import subtract, vector_energy
from harness.subjects.char_mlp.layers.state import Layout


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
