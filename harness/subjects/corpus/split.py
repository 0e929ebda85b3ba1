"""The three splits of a corpus: all examples, and the distinct contexts with counts.

They are arrays of NumPy, so that who only counts examples does not load torch, which takes seconds.
"""

import random
from dataclasses import dataclass
from functools import lru_cache
from math import fsum
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from harness.errors import UserError
from harness.subjects.corpus.corpus import BOUNDARY, Corpus, split_ends
from harness.subjects.exact import log
from harness.subjects.streams import stream_seed

if TYPE_CHECKING:
    from torch import Tensor

Codes = npt.NDArray[np.int64]
Counts = npt.NDArray[np.float64]

LECTURE = 42  # seeds the shuffle of the fixed split
LARGEST_TABLE = 2**27  # entries of `Split.counts`: a gigabyte of float64


@dataclass(frozen=True, eq=False)
class Split:
    """One split: N examples over C distinct contexts of a vocabulary of V.

    Attributes:
        X: contexts, int64 (N, context); symbols are indices into the alphabet.
        Y: the symbol that follows each context, int64 (N,).
        contexts: the distinct rows of X in lexicographic order, int64 (C, context).
        counts: how often each symbol follows each distinct context, float64 (C, V).
    """

    X: Codes
    Y: Codes
    contexts: Codes
    counts: Counts

    def tensors(self) -> "tuple[Tensor, Tensor]":
        """X and Y for torch, without a copy."""
        import torch

        return torch.from_numpy(self.X), torch.from_numpy(self.Y)

    def unigram_entropy(self) -> float:
        """Entropy of the next symbol, nats: the lowest loss of predictions without context."""
        return _entropy(self.counts.sum(axis=0, keepdims=True))

    def context_entropy(self) -> float:
        """Entropy of the next symbol given its context, nats: the lowest possible loss."""
        return _entropy(self.counts)


class Splits(NamedTuple):
    """Words are shuffled and divided 80/10/10: as in the lecture, or anew for every seed."""

    train: Split
    dev: Split
    test: Split


@lru_cache(maxsize=16)
def make_splits(
    corpus: Corpus, context: int, train_words: int | Literal["all"], seed: int | None
) -> Splits:
    """The splits of a corpus; see `Corpus.splits`."""
    words = list(corpus.words)
    order = LECTURE if seed is None else stream_seed(seed, "split")
    random.Random(order).shuffle(words)  # noqa: S311 - as in the lecture; not for security
    first, second = split_ends(len(words))
    kept = first if train_words == "all" else train_words
    if kept > first:
        raise UserError(
            f"train_words must be at most {first:,}, the training words of {corpus.name}",
            kept,
            "Ask for fewer, or for 'all'.",
        )
    parts = (words[:kept], words[first:second], words[second:])
    return Splits(*(_make_split(part, corpus.alphabet, context) for part in parts))


def _make_split(words: list[str], alphabet: str, context: int) -> Split:
    X, Y = _examples(words, alphabet, context)
    V = len(alphabet)
    rank = np.zeros(len(X), np.int64)  # of each row of X among the distinct ones, by columns so far
    for column in X.T:  # ranks stay below N, so a long context cannot overflow
        _, first, rank = np.unique(rank * V + column, return_index=True, return_inverse=True)
    if len(first) * V > LARGEST_TABLE:
        raise UserError(
            f"distinct contexts × symbols must be at most {LARGEST_TABLE:,}",
            f"{len(first):,} × {V:,}",
            "Use a smaller alphabet, fewer items or a shorter context.",
        )
    counts = np.bincount(rank * V + Y, minlength=len(first) * V).reshape(-1, V)
    return Split(np.ascontiguousarray(X), Y, X[first], counts.astype(np.float64))


def _examples(words: list[str], alphabet: str, context: int) -> tuple[Codes, Codes]:
    """All contexts (N, context) and the symbols that follow them (N,), word by word."""
    pad = BOUNDARY * context
    text = _encode("".join(f"{pad}{word}{BOUNDARY}" for word in words), alphabet)
    sizes = np.array([context + len(word) + 1 for word in words])
    starts = np.cumsum(sizes) - sizes
    targets = np.ones(len(text), bool)
    targets[starts[:, None] + np.arange(context)] = False  # padding is never a target
    (places,) = np.nonzero(targets)
    return text[places[:, None] + np.arange(-context, 0)], text[places]


def _encode(text: str, alphabet: str) -> Codes:
    """Each character's index in the alphabet."""
    place = np.zeros(max(map(ord, alphabet)) + 1, np.int64)
    place[[ord(character) for character in alphabet]] = np.arange(len(alphabet))
    return place[np.frombuffer(text.encode("utf-32-le"), np.uint32)]


def _entropy(counts: Counts) -> float:
    """Entropy of the columns given the rows, nats; rows are weighted by their totals."""
    share = counts / counts.sum(axis=1, keepdims=True)
    seen = counts > 0  # 0 · log 0 counts as 0
    return -fsum(counts[seen] * log(share[seen])) / float(counts.sum())
