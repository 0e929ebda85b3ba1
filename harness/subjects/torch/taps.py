"""What goes on inside any module: activations and gradients where it has activations or norms.

Hooks on the outputs of activations and norms, in a pass of its own: nothing that training reads is
changed.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

INFINITE = float("inf")
# Outputs between which an activation has a slope worth the name; others cannot say by outputs.
SLOPED: dict[type[nn.Module], tuple[float, float]] = {
    nn.Tanh: (-0.97, 0.97),
    nn.Sigmoid: (0.03, 0.97),
    nn.Hardtanh: (-1.0, 1.0),
    nn.ReLU: (0.0, INFINITE),
}
ACTIVATIONS = (*SLOPED, nn.GELU, nn.SiLU, nn.ELU, nn.Mish, nn.Softplus, nn.LeakyReLU)
NORMS = (nn.modules.batchnorm._BatchNorm, nn.LayerNorm, nn.RMSNorm, nn.GroupNorm)
TAPPED: tuple[type[nn.Module], ...] = (*ACTIVATIONS, *NORMS)


class GradientTap(torch.autograd.Function):
    """The identity, whose gradient by `slot` is the std of the gradient by x."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, slot: Tensor) -> Tensor:  # noqa: ARG004 - autograd's form
        """A copy of x: a view would break modules that work in place on it."""
        return x.clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:  # noqa: ARG004
        """The gradient by x unchanged, and its std by the slot."""
        return gradient, gradient.double().std()


class Taps:
    """The activations and norms of a module, by name and call in the order of the forward pass.

    Attributes:
        names: of the taps seen in the last pass.
        outputs: of each, mean, std and the share of outputs without slope (NaN where unknown).
        attention: names of the softmaxes seen in it.
        entropies: of the distributions that each gives, the mean entropy in nats.
    """

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self.names: list[str] = []
        self.outputs: list[tuple[float, float, float]] = []
        self.attention: list[str] = []
        self.entropies: list[float] = []
        self._slots: list[Tensor] = []

    @contextmanager
    def watching(self, counted: Tensor | None = None) -> Iterator[None]:
        """Within the block, forward passes are measured and their gradients tapped.

        Args:
            counted: which positions of the batch's sequences count (B, T); None for all.
        """
        self.names, self.outputs, self._slots = [], [], []
        self.attention, self.entropies = [], []
        handles = []
        for name, module in self._model.named_modules():
            if isinstance(module, TAPPED):
                handles.append(module.register_forward_hook(partial(self._measure, name)))
            if isinstance(module, nn.Softmax):
                hook = partial(self._measure_attention, name, counted)
                handles.append(module.register_forward_hook(hook))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _measure(self, name: str, module: nn.Module, _: Any, out: Tensor) -> Tensor:
        values = out.detach().double()
        flat = float("nan")
        if type(module) in SLOPED:
            low, high = SLOPED[type(module)]
            flat = ((values <= low) | (values >= high)).double().mean().item()
        self.names.append(name)
        self.outputs.append((values.mean().item(), values.std().item(), flat))
        slot = torch.zeros((), dtype=torch.float64, requires_grad=True)
        self._slots.append(slot)
        tapped: Tensor = GradientTap.apply(out, slot)  # type: ignore[no-untyped-call]
        return tapped

    def _measure_attention(
        self, name: str, counted: Tensor | None, module: nn.Softmax, _: Any, out: Tensor
    ) -> None:
        weights = out.detach().double().movedim(-1 if module.dim is None else module.dim, -1)
        each = -torch.special.xlogy(weights, weights).sum(-1)  # (B, H, T, T) -> (B, H, T)
        if counted is not None:
            each = each.movedim(-1, 1)[counted]  # (B, T, H) -> (N, H)
        self.attention.append(name)
        self.entropies.append(each.mean().item())

    def gradient_stds(self, loss: Tensor) -> list[float]:
        """The std of the loss's gradient by the output of each tap; NaN where none arrives."""
        if not self._slots:
            return []
        found = torch.autograd.grad(loss, self._slots, allow_unused=True)
        return [float("nan") if g is None else g.item() for g in found]


def update_data(before: list[Tensor], after: list[Tensor]) -> list[float]:
    """log10 of std(change) / std(weight) of each weight, whatever the optimizer."""
    return [
        ((new - old).double().std() / old.double().std()).log10().item()
        for old, new in zip(before, after, strict=True)
    ]


def tap_name(model: nn.Module, name: str) -> str:
    """The name of a tapped module; where it is a number in a sequence, with what it is.

    So "2.act" in one variant is never taken for "2.norm" in another.
    """
    if name and not name.rpartition(".")[2].isdigit():
        return name
    kind = "norm" if isinstance(model.get_submodule(name), NORMS) else "act"
    return f"{name}.{kind}" if name else kind


def distinct(names: Sequence[str]) -> list[str]:
    """Names of calls, all different: the second one of a module is numbered.

    >>> distinct(["norm", "act", "act"])
    ['norm', 'act', 'act (2)']
    """
    calls: Counter[str] = Counter()
    found = []
    for name in names:
        calls[name] += 1
        found.append(name if calls[name] == 1 else f"{name} ({calls[name]})")
    return found
