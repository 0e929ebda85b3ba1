"""Words that a transformer writes."""

import pytest
import torch

from harness.errors import UserError
from harness.subjects.char_transformer.data import WordData
from harness.subjects.char_transformer.fields import Fields
from harness.subjects.char_transformer.network import Transformer, build
from harness.subjects.char_transformer.sampling import sample, write_words
from harness.subjects.char_transformer.sequences import losses
from harness.subjects.corpus import Corpus
from harness.subjects.streams import seeded, stream
from harness.subjects.subject import SampleRequest

FIELDS = Fields(width=16, heads=2, depth=1)
ALPHABET = ".abc"


FACTS: dict[str, str | float] = {"alphabet": ALPHABET, "vocabulary": 4, "context": 16}


@pytest.fixture
def model() -> Transformer:
    with seeded(stream(1, "weights")):
        return build(FIELDS, len(ALPHABET))


def test_words_begin_with_the_prefix_and_fit_the_context(model: Transformer) -> None:
    words = write_words(model, FACTS, SampleRequest(count=50, prefix="ab"))
    assert len(words) == 50
    assert all(word.startswith("ab") and len(word) <= FIELDS.context for word in words)
    assert set("".join(words)) <= set(ALPHABET[1:])
    assert len({len(word) for word in words}) > 3


def test_equal_requests_give_equal_words(model: Transformer) -> None:
    first, second, other = (
        write_words(model, FACTS, SampleRequest(seed=seed)) for seed in (1, 1, 2)
    )
    assert first == second != other


@pytest.mark.parametrize(
    ("prefix", "rule"),
    [("ax", "the data's alphabet"), ("a" * 16, "shorter than the run's context")],
)
def test_a_prefix_that_cannot_be_written_is_refused(
    model: Transformer, prefix: str, rule: str
) -> None:
    with pytest.raises(UserError, match=rule):
        write_words(model, FACTS, SampleRequest(prefix=prefix))


def test_a_trained_transformer_writes_what_it_was_shown() -> None:
    """A few words by heart; near temperature 0 it writes nothing else."""
    corpus = Corpus.of("few", ["abba", "cab", "bacca", "cc"] * 5, "written here")
    fields = Fields(width=32, heads=2, depth=2, lr=0.01)
    with seeded(stream(1, "weights")):
        model = build(fields, corpus.vocabulary)
    batch = WordData(corpus).splits(fields)["train"]
    optimizer = torch.optim.AdamW(model.parameters(), fields.lr)
    for _ in range(150):
        optimizer.zero_grad()
        losses(model, batch).mean().backward()
        optimizer.step()
    words = sample(model, corpus.alphabet, 16, 100, stream(1, "samples"))
    assert sum(word in corpus.words for word in words) > 95
    cold = sample(model, corpus.alphabet, 16, 20, stream(1, "samples"), "ba", temperature=0.05)
    assert set(cold) == {"bacca"}
