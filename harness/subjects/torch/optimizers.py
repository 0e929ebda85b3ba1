"""torch's own optimizers, of which only what a step needs is run."""

from functools import cache

import torch
from torch import nn

from harness.subjects.torch.fields import TorchFields


def make_optimizer(fields: TorchFields, model: nn.Module) -> torch.optim.Optimizer:
    """torch's own optimizer; without fusing or batching over parameters, which have other bits."""
    _leave_compiler_out()
    parameters = [p for p in model.parameters() if p.requires_grad]
    decay = fields.weight_decay
    if fields.optimizer == "sgd":
        return torch.optim.SGD(
            parameters, fields.lr, momentum=fields.momentum, weight_decay=decay, foreach=False
        )
    kind = torch.optim.Adam if fields.optimizer == "adam" else torch.optim.AdamW
    betas = (fields.beta1, fields.beta2)
    return kind(parameters, fields.lr, betas=betas, weight_decay=decay, foreach=False)


@cache
def _leave_compiler_out() -> None:
    """Let the methods of optimizers run without torch's compiler, which takes 2 s to load.

    torch loads it at the first call of those that it must never compile, to hide them from it, and
    keeps the hidden one here. No step that is compiled calls them.
    """
    for method in vars(torch.optim.Optimizer).values():
        if hasattr(method, "__wrapped__"):
            setattr(method.__wrapped__, "__dynamo_disable", method.__wrapped__)
