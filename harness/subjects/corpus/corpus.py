"""A corpus: the items that a network learns to write, and their alphabet."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol, Self

from harness.errors import UserError

if TYPE_CHECKING:
    from harness.subjects.corpus.split import Splits

BOUNDARY = "."  # the symbol before an item's first character and after its last
NAMES_DIGEST = "0a30b5557f192f32ab962680889aac5f6fda0f4cecf40a6d0b5694f58ea8cc4d"


class SplitFields(Protocol):
    """The fields of a run on which its examples depend."""

    @property
    def context(self) -> int:
        """How many characters predict the next one."""

    @property
    def train_words(self) -> int | Literal["all"]:
        """How many words of the training split are used."""

    @property
    def split(self) -> Literal["fixed", "by_seed"]:
        """Whether words are assigned to the splits as in the lecture, or anew for every seed."""


@dataclass(frozen=True)
class Corpus:
    """The items of a text, one per line. Two corpora with the same items in order are equal.

    Attributes:
        name: "names.txt" for the lectures' names, "embedded", or the file's name.
        digest: SHA-256 of the items joined by newlines, hexadecimal. It does not depend on the
            file's byte order mark, line ends or blank lines. For names.txt it is the file's digest.
        alphabet: the boundary symbol, then all characters of the items, sorted.
        words: the items in the file's order, with duplicates.
        source: where they come from, for people.
        notes: what people should know of how the file was read, a sentence each.
    """

    name: str = field(compare=False)
    digest: str
    alphabet: str = field(compare=False)
    words: tuple[str, ...] = field(compare=False, repr=False)
    source: str = field(compare=False)
    notes: tuple[str, ...] = field(compare=False, default=())

    @classmethod
    def of(cls, name: str, words: Iterable[str], source: str, notes: Iterable[str] = ()) -> Self:
        """A corpus of these items.

        Raises:
            UserError: an item contains the boundary symbol, or there are too few for three splits.
        """
        words = tuple(words)
        for number, word in enumerate(words, 1):
            if BOUNDARY in word:
                raise UserError(
                    f"an item must not contain '{BOUNDARY}', which marks where items begin and end",
                    f"{word[:40]!r}, item {number:,} of {name}",
                    "Remove the dots, or replace them by another character.",
                )
        train, dev = split_ends(len(words))
        if not 0 < train < dev < len(words):
            raise UserError(
                "a corpus must have at least 6 items, for three splits (80/10/10)",
                f"{len(words)} in {name}",
                "Use a text with one item per line.",
            )
        return cls(
            name=name,
            digest=hashlib.sha256("\n".join(words).encode()).hexdigest(),
            alphabet=BOUNDARY + "".join(sorted(set().union(*words))),
            words=words,
            source=source,
            notes=tuple(notes),
        )

    @property
    def vocabulary(self) -> int:
        """V, the number of symbols including the boundary."""
        return len(self.alphabet)

    def splits(
        self, context: int = 3, train_words: int | Literal["all"] = "all", seed: int | None = None
    ) -> "Splits":
        """The examples of the three splits; they are computed once.

        Args:
            context: number of characters from which the next one is predicted.
            train_words: how many words of the training split to use, from its start.
            seed: whose own assignment of words it is; None for the fixed one, the lecture's.

        Raises:
            UserError: the training split has fewer words, or the tables would not fit in memory.
        """
        from harness.subjects.corpus.split import make_splits

        return make_splits(self, context, train_words, seed)

    def splits_of(self, fields: SplitFields, seed: int) -> "Splits":
        """The splits that a run of these fields and this seed sees.

        Raises:
            UserError: as `splits`.
        """
        own = seed if fields.split == "by_seed" else None
        return self.splits(fields.context, fields.train_words, own)

    @property
    def size(self) -> str:
        """The number of items, for people."""
        return f"{len(self.words):,} items"

    @property
    def about(self) -> dict[str, str | float]:
        """What is stored about the items with every run, however examples are made of them."""
        return {
            "name": self.name,
            "source": self.source,
            "digest": self.digest,
            "items": len(self.words),
            "vocabulary": self.vocabulary,
            "alphabet": self.alphabet,
        }

    def examples(self, fields: SplitFields, seed: int) -> int:
        """The number of training examples for a run of these fields and this seed.

        Raises:
            UserError: the training split has fewer words, or the tables would not fit in memory.
        """
        return len(self.splits_of(fields, seed).train.Y)

    def facts(self, fields: SplitFields) -> dict[str, str | float]:
        """What is stored about the corpus with every run; entropies in nats, of the fixed split."""
        splits = self.splits(fields.context)
        sizes = {f"examples/{name}": len(split.Y) for name, split in splits._asdict().items()}
        return {
            **self.about,
            **sizes,
            "context": fields.context,
            "entropy/unigram": splits.train.unigram_entropy(),
            "entropy/context": splits.train.context_entropy(),
        }


def split_ends(words: int) -> tuple[int, int]:
    """The ends of the training and the dev split of so many words, as in the lecture."""
    return int(0.8 * words), int(0.9 * words)


def require_alphabet(prefix: str, alphabet: str) -> None:
    """Check that what samples shall begin with can be written in a corpus's alphabet.

    Raises:
        UserError: it cannot.
    """
    foreign = sorted(set(prefix) - set(alphabet[1:]))
    if foreign:
        raise UserError(
            "--prefix must be written in the data's alphabet",
            f"{''.join(foreign)!r}",
            f"Use characters of {alphabet[1:]!r}.",
        )
