"""What a transformer is trained on: the words of a corpus. Only its splits load torch."""

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from harness.subjects.char_transformer.fields import Fields
from harness.subjects.corpus import Corpus
from harness.subjects.subject import Facts

if TYPE_CHECKING:
    from harness.subjects.char_transformer.sequences import Rows


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

    def splits(self, fields: Fields) -> "dict[str, Rows]":
        """The rows of each split; see `sequences.make_rows`.

        Raises:
            UserError: a word is longer than the context allows, or there are too few words.
        """
        from harness.subjects.char_transformer.sequences import make_rows

        return make_rows(self.corpus, fields.context, fields.train_words)

    def examples(self, fields: Fields, seed: int) -> int:  # noqa: ARG002 - one split for all
        """How many training words there are.

        Raises:
            UserError: a word is longer than the context allows, or there are too few words.
        """
        return len(self.splits(fields)["train"][0])

    def facts(self, fields: Fields) -> Facts:
        """What is stored about the data with every run; entropies in nats."""
        sizes = {f"examples/{name}": len(x) for name, (x, _) in self.splits(fields).items()}
        return {**corpus_facts(self.corpus, fields.context), **sizes, "context": fields.context}


@lru_cache(maxsize=8)
def corpus_facts(corpus: Corpus, context: int) -> Facts:
    """What is known of a corpus as rows of this length; every run asks for it."""
    from harness.subjects.char_transformer.sequences import make_rows, placed_entropy

    targets = corpus.splits(1)
    words = make_rows(corpus, context, "all")
    characters = {f"characters/{name}": len(s.Y) for name, s in targets._asdict().items()}
    return {
        **corpus.about,
        **characters,
        "entropy/unigram": targets.train.unigram_entropy(),
        "entropy/bigram": targets.train.context_entropy(),
        "entropy/placed": placed_entropy(words["train"]),
    }
