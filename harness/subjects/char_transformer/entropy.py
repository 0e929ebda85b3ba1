"""How widely attention looks: the entropy of its distributions."""

import torch
from torch import Tensor, nn

from harness.subjects.char_transformer.layers.attention import AttentionWeights
from harness.subjects.char_transformer.sequences import PADDING, Rows, trimmed


def entropy(weights: Tensor) -> Tensor:
    """The entropy of distributions, nats (…), of weights (…, T): 0 for one token, ln t over t."""
    terms: Tensor = torch.special.xlogy(weights, weights)  # 0 ln 0 = 0
    return -terms.sum(-1)


@torch.no_grad()
def attention_entropy(model: nn.Module, batch: Rows) -> Tensor:
    """The entropy of each layer, head, and character to predict, nats (L, H, N).

    It takes a pass of its own with hooks on `AttentionWeights`; other passes compute nothing of it.
    A model without them gives (0, 0, N).
    """
    x, y = trimmed(batch)
    real = y != PADDING  # (B, T)
    found: list[Tensor] = []

    def keep(_: nn.Module, __: object, weights: Tensor) -> None:
        each = entropy(weights)  # (B, H, T, T) -> (B, H, T)
        found.append(each.transpose(0, 1)[:, real])  # (H, N)

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
    return torch.stack(found) if found else torch.zeros(0, 0, int(real.sum()))


def metrics(model: nn.Module, batch: Rows) -> dict[str, Tensor]:
    """The entropy of attention, mean over layers and heads, nats a character (N,); else NaN."""
    return {"attention_entropy": attention_entropy(model, batch).mean((0, 1))}


def uniform_entropy(batch: Rows) -> float:
    """The entropy of attending to all tokens so far alike, mean over the characters, nats."""
    _, y = batch
    seen = torch.arange(1, y.shape[1] + 1).expand_as(y)[y != PADDING]
    return float(seen.double().log().mean())
