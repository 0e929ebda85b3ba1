"""What a study keeps about its data."""

from harness.corpus.corpus import Corpus


def corpus_facts(corpus: Corpus, context: int) -> dict[str, str | float]:
    """A corpus in a few numbers, entropies in nats: what losses on it are read against.

    Args:
        corpus: the data.
        context: characters a network sees.
    """
    splits = corpus.splits(context)
    sizes = {f"examples/{name}": len(split.Y) for name, split in splits._asdict().items()}
    return {
        "corpus": corpus.name,
        "source": corpus.source,
        "digest": corpus.digest,
        "items": len(corpus.words),
        "vocabulary": corpus.vocabulary,
        "alphabet": corpus.alphabet,
        **sizes,
        "entropy/unigram": splits.train.unigram_entropy(),
        "entropy/context": splits.train.context_entropy(),
    }
