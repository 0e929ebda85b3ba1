"""The stacked form of a layer that has no hand-written one: its textbook form, member by member."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from harness.layers.kernels import Array, Signal
from harness.layers.state import stacked_state


class Memberwise:
    """Each member's textbook layer in turn, differentiated by autograd.

    Slow beside a hand-written form, but right for any layer, and trivially independent of the
    stack. What a textbook layer changes of itself in its forward pass, such as running statistics,
    is held back until the update, because a step may be taken anew.
    """

    def __init__(self, members: Sequence[Any], *_: object) -> None:
        self.members = members
        self.inputs: list[Tensor] = []
        self.outputs: list[Tensor] = []
        self.moved: list[dict[str, Tensor]] = []
        for parameter in self._parameters():
            parameter.requires_grad_()

    def _parameters(self) -> list[Tensor]:
        return [parameter for member in self.members for parameter in member.parameters()]

    @property
    def state(self) -> dict[str, Tensor]:
        """The members' state, each tensor with a first axis of members."""
        return stacked_state(self.members)

    def forward(self, x: Signal) -> Signal:
        """Replace x by the layer's output in training mode."""
        self.inputs = [part.clone().requires_grad_() for part in x.tensor]
        before = [_buffers(member) for member in self.members]
        with torch.enable_grad():
            self.outputs = [m(part) for m, part in zip(self.members, self.inputs, strict=True)]
        self.moved = [_buffers(member) for member in self.members]
        for member, kept, part, out in zip(
            self.members, before, x.tensor, self.outputs, strict=True
        ):
            _set(member, kept)
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
        """Replace the gradient by the outputs with that by the inputs; keep those by parameters."""
        for parameter in self._parameters():
            parameter.grad = None
        for part, before, after in zip(gradient.tensor, self.inputs, self.outputs, strict=True):
            after.backward(part)  # type: ignore[no-untyped-call]  # torch leaves it untyped
            assert before.grad is not None  # noqa: S101 - backward has just set it
            part.copy_(before.grad)
        return gradient

    def gradients(self) -> dict[str, Array]:
        """What the coming update subtracts, by attribute."""
        names = {id(tensor): name for name, tensor in self.members[0].state().items()}
        return {
            names[id(parameter)]: torch.stack(
                [member.parameters()[i].grad for member in self.members]
            ).numpy()
            for i, parameter in enumerate(self.members[0].parameters())
        }

    @torch.no_grad()
    def update(self) -> None:
        """Take the step, and let the layers' own statistics follow."""
        for parameter in self._parameters():
            assert parameter.grad is not None  # noqa: S101 - backward has set it
            parameter -= parameter.grad
        for member, moved in zip(self.members, self.moved, strict=True):
            _set(member, moved)


def _buffers(layer: Any) -> dict[str, Tensor]:
    """What a layer keeps besides its parameters, by attribute; copies."""
    trained = {id(parameter) for parameter in layer.parameters()}
    return {
        name: tensor.clone() for name, tensor in layer.state().items() if id(tensor) not in trained
    }


def _set(layer: Any, tensors: dict[str, Tensor]) -> None:
    for name, tensor in tensors.items():
        setattr(layer, name, tensor)
