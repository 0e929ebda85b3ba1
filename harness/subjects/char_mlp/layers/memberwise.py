"""A layer without a hand-written form: its textbook form in a program, with autograd."""

from collections.abc import Callable
from copy import copy
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from harness.subjects.char_mlp.layers.parts import ENERGY, STOP, Array, Member, Program
from harness.subjects.char_mlp.layers.signals import subtract
from harness.subjects.char_mlp.layers.state import Layout


class Memberwise:
    """The textbook layer in a program, with the numbers of whichever member goes through it.

    It is slower than a hand-written form, but right for any layer. Its bits are torch's: they are
    the same on one type of machine only. Buffers that a forward pass changes, such as running
    statistics, keep their old values until the step is taken.

    Args:
        textbook: the layer of any member.
        units: of input and output.
        layout: assigns the places of its tensors.

    Attributes:
        places: of its tensors.
        error: what the layer raised; the member's program does not go on then.
    """

    def __init__(self, textbook: Any, units: int, layout: Layout) -> None:
        self.textbook, self.units = copy(textbook), units
        state = textbook.state()
        self.places = {name: layout.place(tensor.shape) for name, tensor in state.items()}
        trained = {id(parameter) for parameter in textbook.parameters()}
        self._trained = [name for name, tensor in state.items() if id(tensor) in trained]
        self.error: BaseException | None = None
        self._input: Tensor
        self._output: Tensor
        self._gradients: dict[str, int] = {}  # where they lie, as the parameters do
        self._buffers: dict[str, Tensor] = {}

    def forward(self, program: Program, source: int) -> int:
        """The layer's output in training mode, in place of its input."""

        def call(member: Member) -> None:
            self._load(member)
            values = self._signal(member, program, source)
            self._input = torch.from_numpy(values.T.copy()).requires_grad_()
            with torch.enable_grad():
                self._output = self.textbook(self._input)
            values[:] = self._output.detach().numpy().T
            self._buffers = {
                name: tensor.detach()
                for name, tensor in self.textbook.state().items()
                if name not in self._trained
            }

        self._add(program, call)
        return source

    def evaluate(self, program: Program, source: int) -> int:
        """The layer's output in eval mode, in place of its input."""

        def call(member: Member) -> None:
            self._load(member)
            values = self._signal(member, program, source)
            self.textbook.training = False
            try:
                values[:] = self.textbook(torch.from_numpy(values.T.copy())).detach().numpy().T
            finally:
                self.textbook.training = True

        self._add(program, call)
        return source

    def backward(self, program: Program, gradient: int) -> None:
        """Replace the outputs' gradient by the inputs'; compute those of the parameters."""

        def call(member: Member) -> None:
            values = self._signal(member, program, gradient)
            trained = [self.textbook.state()[name] for name in self._trained]
            found = torch.autograd.grad(
                self._output, [self._input, *trained], torch.from_numpy(values.T.copy())
            )
            values[:] = found[0].numpy().T
            for name, by_parameter in zip(self._trained, found[1:], strict=True):
                place = replace(self.places[name], at=self._gradients[name])
                place.of(member.z[None])[:] = by_parameter.numpy()
                member.s[ENERGY] += float(by_parameter.square().sum())

        for name in self._trained:
            start, end = self.places[name].span
            self._gradients[name] = program.memory(end - start)
        self._add(program, call)

    def update(self, program: Program) -> None:
        """Subtract the gradients."""
        for name in self._trained:
            start, end = self.places[name].span
            program.add(subtract, end - start, start, self._gradients[name])

    def update_buffers(self, program: Program) -> None:
        """Set the buffers to what the forward pass computed."""

        def call(member: Member) -> None:
            for name, buffer in self._buffers.items():
                self.places[name].of(member.p[None])[:] = buffer.numpy()

        self._add(program, call)

    def _load(self, member: Member) -> None:
        for name, place in self.places.items():
            tensor = torch.from_numpy(place.of(member.p[None])[0].copy())
            setattr(self.textbook, name, tensor.requires_grad_(name in self._trained))

    def _signal(self, member: Member, program: Program, place: int) -> Array:
        """A signal as it lies in memory, (units, B)."""
        whole = member.z[place : place + self.units * program.batch]
        return whole.reshape(self.units, program.batch)[:, : program.examples]

    def _add(self, program: Program, call: Callable[[Member], None]) -> None:
        def guarded(member: Member) -> None:
            if self.error is None:
                try:
                    call(member)
                except Exception as error:
                    self.error, member.s[STOP] = error, 1

        program.add_python(guarded)
