"""A corpus as sequences, a word a row, with the same characters to predict as the MLP's examples.

A split's targets are its words one after the other, each with the boundary at its end. The MLP
predicts each of them from a few characters; here they stand in rows, and the network predicts all
characters of a word at once, each from those before it. So the mean losses of both, in nats a
character, are over the same characters of the same words.
"""

from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from harness.errors import UserError
from harness.subjects.corpus import Corpus

PADDING = -1  # what stands behind a word's end; it is never predicted

Rows = tuple[Tensor, Tensor]


def rows(targets: Tensor, context: int) -> Rows:
    """The words of a split, a row each.

    Args:
        targets: the characters of the words one after the other, each word with the boundary (0)
            at its end, int64 (N,).
        context: length of a row, and of the longest word with its boundary.

    Returns:
        x: the boundary and the characters of each word, then boundaries, int64 (W, context).
        y: the characters of each word and the boundary, then `PADDING`, int64 (W, context).
    """
    (ends,) = torch.where(targets == 0)  # (W,)
    lengths = ends.diff(prepend=torch.tensor([-1]))  # (W,), with the boundary
    y = torch.full((len(ends), context), PADDING)
    y[torch.arange(context) < lengths[:, None]] = targets  # row by row, as the words stand there
    x = torch.zeros_like(y)
    x[:, 1:] = y[:, :-1].clamp(min=0)
    return x, y


def losses(model: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
    """The loss of each character to predict, nats (N,), without the padding."""
    x, y = trimmed(batch)
    real = y != PADDING
    logits = model(x)  # (B, T, V)
    return cross_entropy(logits[real], y[real], reduction="none")


def trimmed(batch: tuple[Tensor, ...]) -> Rows:
    """The rows up to the end of the longest: no character depends on what comes after it."""
    x, y = batch
    length = int((y != PADDING).sum(1).max())
    return x[:, :length], y[:, :length]


@lru_cache(maxsize=8)
def make_rows(corpus: Corpus, context: int, train_words: int | Literal["all"]) -> dict[str, Rows]:
    """The rows of each split of a corpus, the short ones first.

    Rows evaluated together are thus of similar length, which halves the time.

    Raises:
        UserError: a word is longer than the context allows, or there are too few words.
    """
    longest = max(corpus.words, key=len)
    if len(longest) >= context:
        raise UserError(
            "context must be larger than the length of every item: a row holds a whole item",
            f"context {context}, and {longest[:40]!r} of {len(longest)} characters "
            f"in {corpus.name}",
            f"Raise it to {len(longest) + 1}, or use shorter items.",
        )
    parts = corpus.splits(1, train_words)._asdict()
    return {name: by_length(rows(split.tensors()[1], context)) for name, split in parts.items()}


def by_length(words: Rows) -> Rows:
    """The same rows, the short ones first."""
    x, y = words
    order = (y != PADDING).sum(1).argsort(stable=True)  # (W,)
    return x[order], y[order]


def placed_entropy(words: Rows) -> float:
    """Entropy of the next character given the character before it and its place, nats."""
    x, y = words
    real = y != PADDING
    V = int(x.max()) + 1
    seen = (torch.arange(x.shape[1]) * V + x)[real]  # (N,): place and character as one number
    counts = torch.bincount(seen * V + y[real], minlength=x.shape[1] * V * V).view(-1, V).double()
    share = counts / counts.sum(1, keepdim=True).clamp(min=1)
    return float(-torch.special.xlogy(counts, share).sum() / counts.sum())
