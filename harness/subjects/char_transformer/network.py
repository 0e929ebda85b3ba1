"""The decoder-only transformer of the makemore lectures, with what may be left out of it."""

import torch
from torch import Tensor, nn

from harness.subjects.char_transformer.fields import Fields
from harness.subjects.char_transformer.layers.attention import CausalSelfAttention, UniformAverage
from harness.subjects.char_transformer.layers.feed_forward import FeedForward
from harness.subjects.char_transformer.layers.linear import linear
from harness.subjects.char_transformer.layers.norms import norm


class Sublayer(nn.Module):
    """A branch with its norm, its dropout and its residual connection.

    - pre: x + dropout(branch(norm(x))), after Radford et al. 2019;
    - post: norm(x + dropout(branch(x))), after Vaswani et al. 2017;
    - without a residual connection, the same without "x +".

    Xiong et al. 2020 compare the two places, https://arxiv.org/abs/2002.04745

    Args:
        branch: what is between.
        fields: of the run.
    """

    def __init__(self, branch: nn.Module, fields: Fields) -> None:
        super().__init__()
        self.norm = norm(fields.norm, fields.width)
        self.branch = branch
        self.dropout = nn.Dropout(fields.dropout)
        self.pre = fields.norm_place == "pre"
        self.residual = fields.residual

    def forward(self, x: Tensor) -> Tensor:
        """The sublayer's output (B, T, C) for x (B, T, C)."""
        out: Tensor = self.dropout(self.branch(self.norm(x) if self.pre else x))
        if self.residual:
            out = x + out
        if not self.pre:
            out = self.norm(out)
        return out


class Block(nn.Module):
    """Attention, by which tokens talk to each other, and a feed-forward network for each.

    Args:
        fields: of the run.
    """

    def __init__(self, fields: Fields) -> None:
        super().__init__()
        attention = _attention(fields)
        feed_forward = FeedForward(fields.width, fields.activation, fields.residual_scale)
        self.attention = nn.Identity() if attention is None else Sublayer(attention, fields)
        self.feed_forward = Sublayer(feed_forward, fields)

    def forward(self, x: Tensor) -> Tensor:
        """The block's output (B, T, C) for x (B, T, C)."""
        out: Tensor = self.feed_forward(self.attention(x))
        return out


def _attention(fields: Fields) -> nn.Module | None:
    match fields.attention:
        case "softmax":
            return CausalSelfAttention(fields.width, fields.heads, fields.residual_scale)
        case "uniform":
            return UniformAverage(fields.width, fields.residual_scale)
        case "none":
            return None


class Transformer(nn.Module):
    """Embeddings of characters and positions, blocks, and a linear layer to the logits.

    With the norm before the branches the sum of their outputs is normalised by none of them, so a
    last norm comes before the logits (Radford et al. 2019, section 2.3).

    Args:
        fields: of the run.
        vocabulary: V, number of characters.
    """

    def __init__(self, fields: Fields, vocabulary: int) -> None:
        super().__init__()
        self.characters = nn.Embedding(vocabulary, fields.width)
        learned = fields.positions == "learned"
        self.positions = nn.Embedding(fields.context, fields.width) if learned else None
        self.dropout = nn.Dropout(fields.dropout)
        self.blocks = nn.ModuleList(Block(fields) for _ in range(fields.depth))
        self.norm = norm(fields.norm if fields.norm_place == "pre" else "none", fields.width)
        self.output = linear(fields.width, vocabulary, fields.output_scale)

    def forward(self, x: Tensor) -> Tensor:
        """The logits (B, T, V) of the characters that follow each of x (B, T)."""
        out = self.characters(x)  # (B, T, C)
        if self.positions is not None:
            out = out + self.positions(torch.arange(x.shape[1], device=x.device))  # (T, C)
        out = self.dropout(out)
        for block in self.blocks:
            out = block(out)  # (B, T, C)
        logits: Tensor = self.output(self.norm(out))  # (B, T, V)
        return logits


def build(fields: Fields, vocabulary: int) -> Transformer:
    """The untrained network of a run, drawn from torch's global generator.

    Args:
        fields: of the run.
        vocabulary: number of characters.
    """
    return Transformer(fields, vocabulary)
