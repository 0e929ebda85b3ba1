"""How widely attention looks: the entropy of its distributions, layer by layer and head by head."""

import torch
from torch import Tensor, nn

from harness.subjects.char_transformer.layers.attention import AttentionWeights
from harness.subjects.char_transformer.sequences import PADDING, Rows


def entropy(weights: Tensor) -> Tensor:
    """The entropy of distributions, nats (…), of weights (…, T): 0 for one token, ln t over t."""
    terms: Tensor = torch.special.xlogy(weights, weights)  # 0 ln 0 = 0
    return -terms.sum(-1)


@torch.no_grad()
def attention_entropy(model: nn.Module, batch: Rows) -> Tensor:
    """The mean entropy of each head over the characters to predict, nats (L, H).

    It runs a pass of its own with hooks; a pass without them computes nothing of it. A model
    without attention weights gives (0, 0).
    """
    x, y = batch
    real = y != PADDING  # (B, T)
    found: list[Tensor] = []

    def keep(_: nn.Module, __: object, weights: Tensor) -> None:
        each = entropy(weights.double()).transpose(1, 2)  # (B, H, T, T) -> (B, T, H)
        found.append(each[real].mean(0))  # (H,)

    handles = [
        module.register_forward_hook(keep)
        for module in model.modules()
        if isinstance(module, AttentionWeights)
    ]
    try:
        model(x)
    finally:
        for handle in handles:
            handle.remove()
    return torch.stack(found) if found else torch.zeros(0, 0)


def uniform_entropy(batch: Rows) -> float:
    """The entropy of attending to all tokens so far alike, mean over the characters, nats."""
    _, y = batch
    seen = torch.arange(1, y.shape[1] + 1).expand_as(y)[y != PADDING]
    return float(seen.double().log().mean())
