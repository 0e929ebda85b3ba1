"""A corpus: the items a network learns to write, and the alphabet they are written in."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Self

from harness.errors import UserError

if TYPE_CHECKING:
    from harness.corpus.split import Splits  # imports torch, which `ablate plan` can do without

BOUNDARY = "."  # the symbol before an item's first character and after its last
NAMES_DIGEST = "0a30b5557f192f32ab962680889aac5f6fda0f4cecf40a6d0b5694f58ea8cc4d"


@dataclass(frozen=True)
class Corpus:
    """The items of a text, one a line. Two corpora with the same items in order are equal.

    Attributes:
        name: "names.txt" for the lectures' names, "embedded", or the file's name.
        digest: SHA-256 of the items joined by newlines, hexadecimal: what networks see, whatever
            the file's byte order mark, line ends, blank lines. For names.txt it is the file's.
        alphabet: the boundary symbol, then all characters of the items, sorted.
        words: the items in the file's order, duplicates kept.
        source: where they come from, a sentence for people.
        notes: what was read otherwise than written, or should be known; each a sentence.
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
            UserError: an item holds the boundary symbol, or there are too few for three splits.
        """
        words = tuple(words)
        for number, word in enumerate(words, 1):
            if BOUNDARY in word:
                raise UserError(
                    f"an item must not contain '{BOUNDARY}', which marks where items begin and end",
                    f"{word[:40]!r}, item {number:,} of {name}",
                    "Leave the dots out, or write another character in their place.",
                )
        train, dev = split_ends(len(words))
        if not 0 < train < dev < len(words):
            raise UserError(
                "a corpus needs items for three splits (80/10/10), so at least 6",
                f"{len(words)} in {name}", "Use a text with one item a line.",
            )  # fmt: skip
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
        """V, the number of symbols, the boundary included."""
        return len(self.alphabet)

    def splits(self, context: int = 3, train_words: int | Literal["all"] = "all") -> "Splits":
        """The examples of the three splits, made once and kept.

        Args:
            context: characters seen before the one to predict.
            train_words: how many words of the training split are kept, from its start.

        Raises:
            UserError: the training split has fewer words, or the tables would not fit in memory.
        """
        from harness.corpus.split import make_splits

        return make_splits(self, context, train_words)


def split_ends(words: int) -> tuple[int, int]:
    """Where the training and the dev split of so many words end, as in the lecture."""
    return int(0.8 * words), int(0.9 * words)
