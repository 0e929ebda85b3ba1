"""Attention: every token takes something from the tokens so far."""

import torch
from torch import Tensor, nn

from harness.subjects.char_transformer.layers.linear import linear


class AttentionWeights(nn.Softmax):
    """How much each token takes from each of the tokens so far: a distribution over them.

    It is a module of its own so that the harness can read the distributions and their entropy.
    """

    def __init__(self) -> None:
        super().__init__(dim=-1)

    def forward(self, scores: Tensor) -> Tensor:
        """Weights (B, H, T, T) from scores (B, H, T, T); the last dimension sums to 1."""
        T = scores.shape[-1]
        scores = scores + scores.new_full((T, T), float("-inf")).triu(1)  # 0 up to the token itself
        highest = scores.detach().amax(-1, keepdim=True)  # (B, H, T, 1); it only averts overflow
        shares = (scores - highest).exp()  # (B, H, T, T); exp(−∞) = 0 for the future
        return shares / shares.sum(-1, keepdim=True)


class CausalSelfAttention(nn.Module):
    """Each head of a token asks (query) the tokens so far (keys) and averages what they say.

    Vaswani et al. 2017, sections 3.2.1 and 3.2.2, https://arxiv.org/abs/1706.03762

    Args:
        width: C, units of a token.
        heads: H, which divides C.
        scale: multiplies the projection's weights at initialisation.
    """

    def __init__(self, width: int, heads: int, scale: float = 1.0) -> None:
        super().__init__()
        self.heads = heads
        self.query_key_value = linear(width, 3 * width)
        self.weights = AttentionWeights()
        self.projection = linear(width, width, scale)

    def forward(self, x: Tensor) -> Tensor:
        """What each token of x (B, T, C) learns from those so far (B, T, C)."""
        B, T, C = x.shape
        H, D = self.heads, C // self.heads
        parts = self.query_key_value(x).view(B, T, 3, H, D)
        q, k, v = parts.permute(2, 0, 3, 1, 4)  # each (B, H, T, D)
        scores = q @ k.mT / D**0.5  # (B, H, T, T)
        out = self.weights(scores) @ v  # (B, H, T, T) @ (B, H, T, D) -> (B, H, T, D)
        joined = out.transpose(1, 2).reshape(B, T, C)  # heads side by side
        projected: Tensor = self.projection(joined)
        return projected


class UniformAverage(nn.Module):
    """Attention that cannot choose: each token takes the mean of what the tokens so far say.

    Args:
        width: C, units of a token.
        scale: multiplies the projection's weights at initialisation.
    """

    def __init__(self, width: int, scale: float = 1.0) -> None:
        super().__init__()
        self.value = linear(width, width)
        self.projection = linear(width, width, scale)

    def forward(self, x: Tensor) -> Tensor:
        """What each token of x (B, T, C) learns from those so far (B, T, C)."""
        v = self.value(x)  # (B, T, C)
        so_far = torch.arange(1, x.shape[1] + 1, device=x.device)  # (T,)
        out = v.cumsum(1) / so_far[:, None]  # (B, T, C)
        projected: Tensor = self.projection(out)
        return projected
