"""The description of a corpus that `ablate data` prints."""

from collections.abc import Iterable

from harness.subjects.corpus.corpus import Corpus
from harness.subjects.exact import log

SHOWN = 60  # symbols of the alphabet


def describe(corpus: Corpus) -> str:
    """A corpus in lines for people: its source, its splits at context 3, its entropies."""
    splits = corpus.splits(context=3)
    more = "…" if corpus.vocabulary > SHOWN else ""
    rows = {
        "corpus": corpus.name,
        "source": corpus.source,
        "digest": corpus.digest,
        "items": f"{len(corpus.words):,}",
        "alphabet": f"{corpus.vocabulary} symbols: {corpus.alphabet[:SHOWN]}{more}",
        "examples": counts(len(split.Y) for split in splits),
        "contexts": f"{counts(len(split.contexts) for split in splits)} (distinct, of 3 symbols)",
        "entropy": f"{log(corpus.vocabulary):.3f} nats of a uniform symbol, "
        f"{splits.train.unigram_entropy():.3f} of the next symbol, "
        f"{splits.train.context_entropy():.3f} given 3 before it (train)",
    }
    notes = [f"{'note':10}{note}" for note in corpus.notes]
    return "\n".join([f"{label:10}{text}" for label, text in rows.items()] + notes)


def counts(values: Iterable[int]) -> str:
    """Counts of the three splits, for people."""
    train, dev, test = values
    return f"{train:,} train, {dev:,} dev, {test:,} test"
