"""The stacked form of a layer without a hand-written one: the textbook form, member by member."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from harness.subjects.char_mlp.layers.kernels import Array, Signal
from harness.subjects.char_mlp.layers.state import stacked_state


class Memberwise:
    """Each member's textbook layer in turn, differentiated by autograd.

    It is slower than a hand-written form, but right for any layer, and independent of the stack.
    Buffers that a forward pass changes, such as running statistics, keep their old values until the
    update, because the stack repeats a step in which a member diverges.
    """

    def __init__(self, members: Sequence[Any], *_: object) -> None:
        self.members = members
        self.inputs: list[Tensor] = []
        self.outputs: list[Tensor] = []
        self.new_buffers: list[dict[str, Tensor]] = []
        for parameter in self._parameters():
            parameter.requires_grad_()

    def _parameters(self) -> list[Tensor]:
        return [parameter for member in self.members for parameter in member.parameters()]

    @property
    def state(self) -> dict[str, Tensor]:
        """The tensors that define the members, by attribute, with members as their first axis."""
        return stacked_state(self.members)

    def forward(self, x: Signal) -> Signal:
        """Replace x by the layer's output in training mode."""
        self.inputs = [part.clone().requires_grad_() for part in x.tensor]
        before = [_buffers(member) for member in self.members]
        with torch.enable_grad():
            self.outputs = [m(part) for m, part in zip(self.members, self.inputs, strict=True)]
        self.new_buffers = [_buffers(member) for member in self.members]
        for member, buffers, part, out in zip(
            self.members, before, x.tensor, self.outputs, strict=True
        ):
            _set_buffers(member, buffers)
            part.copy_(out.detach())
        return x

    def evaluate(self, x: Signal) -> Signal:
        """Replace x by the layer's output in eval mode."""
        for member, part in zip(self.members, x.tensor, strict=True):
            member.training = False
            part.copy_(member(part).detach())
            member.training = True
        return x

    def backward(self, gradient: Signal) -> Signal:
        """Replace the outputs' gradient by the inputs'; compute those of the parameters."""
        for parameter in self._parameters():
            parameter.grad = None
        for part, before, after in zip(gradient.tensor, self.inputs, self.outputs, strict=True):
            after.backward(part)  # type: ignore[no-untyped-call]  # torch leaves it untyped
            assert before.grad is not None  # noqa: S101 - backward has just set it
            part.copy_(before.grad)
        return gradient

    def gradients(self) -> dict[str, Array]:
        """What the next update subtracts, by attribute."""
        names = {id(tensor): name for name, tensor in self.members[0].state().items()}
        return {
            names[id(parameter)]: torch.stack(
                [member.parameters()[i].grad for member in self.members]
            ).numpy()
            for i, parameter in enumerate(self.members[0].parameters())
        }

    @torch.no_grad()
    def update(self) -> None:
        """Subtract the gradients, and set the buffers to what the forward pass computed."""
        for parameter in self._parameters():
            assert parameter.grad is not None  # noqa: S101 - backward has set it
            parameter -= parameter.grad
        for member, buffers in zip(self.members, self.new_buffers, strict=True):
            _set_buffers(member, buffers)


def _buffers(layer: Any) -> dict[str, Tensor]:
    """Copies of a layer's state other than its parameters, by attribute."""
    trained = {id(parameter) for parameter in layer.parameters()}
    return {
        name: tensor.clone() for name, tensor in layer.state().items() if id(tensor) not in trained
    }


def _set_buffers(layer: Any, tensors: dict[str, Tensor]) -> None:
    for name, tensor in tensors.items():
        setattr(layer, name, tensor)
