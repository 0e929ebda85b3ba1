"""A corpus as sequences, a word a row, with the same characters to predict as the MLP's examples.

A split's targets are its words one after the other, each with the boundary at its end. The MLP
predicts each of them from a few characters; here they stand in rows, and the network predicts all
characters of a word at once, each from those before it. So the mean losses of both, in nats a
character, are over the same characters of the same words.
"""

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from harness.errors import UserError
from harness.subjects.char_transformer.fields import Fields
from harness.subjects.corpus import Corpus
from harness.subjects.corpus.split import Splits
from harness.subjects.subject import Facts

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


def losses(model: nn.Module, batch: Rows) -> Tensor:
    """The loss of each character to predict, nats (N,), without the padding.

    Columns with nothing but padding are left out: no character depends on what comes after it.
    """
    x, y = batch
    real = y != PADDING
    length = int(real.sum(1).max())
    logits = model(x[:, :length])  # (B, T, V)
    real = real[:, :length]
    return cross_entropy(logits[real], y[:, :length][real], reduction="none")


@dataclass(frozen=True)
class WordData:
    """What a transformer is trained on; see `harness.subjects.subject.Data`.

    Attributes:
        corpus: the words.
    """

    corpus: Corpus

    @property
    def name(self) -> str:
        """The corpus's."""
        return self.corpus.name

    @property
    def digest(self) -> str:
        """The corpus's."""
        return self.corpus.digest

    @property
    def size(self) -> str:
        """The corpus's."""
        return self.corpus.size

    @property
    def notes(self) -> tuple[str, ...]:
        """The corpus's."""
        return self.corpus.notes

    @property
    def vocabulary(self) -> int:
        """V, the number of characters including the boundary."""
        return self.corpus.vocabulary

    def splits(self, fields: Fields) -> dict[str, Rows]:
        """The rows of each split; see `rows`.

        Raises:
            UserError: a word is longer than the context allows, or there are too few words.
        """
        return _splits(self.corpus, fields.context, fields.train_words)

    def examples(self, fields: Fields) -> int:
        """How many training words there are.

        Raises:
            UserError: a word is longer than the context allows, or there are too few words.
        """
        return len(self.splits(fields)["train"][0])

    def facts(self, fields: Fields) -> Facts:
        """What is stored about the data with every run; entropies in nats."""
        targets = _bigrams(self.corpus, "all")
        sizes = {f"examples/{name}": len(x) for name, (x, _) in self.splits(fields).items()}
        characters = {f"characters/{name}": len(s.Y) for name, s in targets._asdict().items()}
        return {
            "name": self.name,
            "source": self.corpus.source,
            "digest": self.digest,
            "items": len(self.corpus.words),
            "vocabulary": self.vocabulary,
            "alphabet": self.corpus.alphabet,
            **sizes,
            **characters,
            "context": fields.context,
            "entropy/unigram": targets.train.unigram_entropy(),
            "entropy/bigram": targets.train.context_entropy(),
            "entropy/placed": _placed_entropy(_splits(self.corpus, fields.context, "all")["train"]),
        }


def _bigrams(corpus: Corpus, train_words: int | str) -> Splits:
    """The MLP's splits at a context of one character, the smallest tables."""
    return corpus.splits(1, train_words)  # type: ignore[arg-type]  # a number or "all"


@lru_cache(maxsize=8)
def _splits(corpus: Corpus, context: int, train_words: int | str) -> dict[str, Rows]:
    longest = max(corpus.words, key=len)
    if len(longest) >= context:
        raise UserError(
            "context must be more than the length of every item: a row is a whole item",
            f"context {context}, and {longest[:40]!r} of {len(longest)} characters "
            f"in {corpus.name}",
            f"Raise it to {len(longest) + 1}, or use shorter items.",
        )
    parts = _bigrams(corpus, train_words)._asdict()
    return {name: rows(split.Y, context) for name, split in parts.items()}


def _placed_entropy(words: Rows) -> float:
    """Entropy of the next character given the character before it and its place, nats."""
    x, y = words
    real = y != PADDING
    V = int(x.max()) + 1
    seen = (torch.arange(x.shape[1]) * V + x)[real]  # (N,): place and character as one number
    counts = torch.bincount(seen * V + y[real], minlength=x.shape[1] * V * V).view(-1, V).double()
    share = counts / counts.sum(1, keepdim=True).clamp(min=1)
    return float(-torch.special.xlogy(counts, share).sum() / counts.sum())
