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
    stack. A batch-wise layer's running statistics follow in the forward pass.
    """

    def __init__(self, members: Sequence[Any], *_: object) -> None:
        self.members = members
        self.inputs: list[Tensor] = []
        self.outputs: list[Tensor] = []
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
        with torch.enable_grad():
            self.inputs = [part.clone().requires_grad_() for part in x.tensor]
            self.outputs = [m(part) for m, part in zip(self.members, self.inputs, strict=True)]
        for part, out in zip(x.tensor, self.outputs, strict=True):
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
            after.backward(part)
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
        """Take the step."""
        for parameter in self._parameters():
            parameter -= parameter.grad
