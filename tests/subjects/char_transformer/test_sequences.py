"""Rows of words have the MLP's characters, and the loss is over these and no others."""

import pickle
from math import log

import numpy as np
import pytest
import torch

from harness.errors import UserError
from harness.subjects.char_transformer import SUBJECT
from harness.subjects.char_transformer.data import WordData
from harness.subjects.char_transformer.fields import Fields
from harness.subjects.char_transformer.network import build
from harness.subjects.char_transformer.sequences import PADDING, losses, rows
from harness.subjects.corpus import Corpus
from harness.subjects.streams import seeded, stream
from harness.subjects.torch.taps import Taps

SMALL = Fields(width=16, heads=2, depth=2)


def test_a_word_is_a_row() -> None:
    x, y = rows(torch.tensor([5, 13, 13, 1, 0, 9, 0, 0]), context=6)  # "emma.", "i.", "."
    assert x.tolist() == [[0, 5, 13, 13, 1, 0], [0, 9, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]]
    assert y.tolist() == [[5, 13, 13, 1, 0, -1], [9, 0, -1, -1, -1, -1], [0, -1, -1, -1, -1, -1]]


@pytest.mark.parametrize("train_words", ["all", 20])
def test_what_is_predicted_and_what_stands_before_it_are_the_mlps(
    tiny: Corpus, train_words: int | str
) -> None:
    fields = Fields(train_words=train_words)  # type: ignore[arg-type]  # one of the two
    data = WordData(tiny)
    for name, split in tiny.splits(3, fields.train_words)._asdict().items():
        x, y = data.splits(fields)[name]
        real = y != PADDING
        assert int(real.sum()) == len(split.Y)
        padded = torch.cat([torch.zeros(len(x), 2, dtype=torch.int64), x], 1)
        windows = padded.unfold(1, 3, 1)  # (W, context, 3): what the MLP sees of each row
        ours = torch.cat([windows[real], y[real][:, None]], 1)
        theirs = np.hstack([split.X, split.Y[:, None]])
        assert sorted(ours.tolist()) == sorted(theirs.tolist())


def test_rows_are_the_words_of_the_splits(names: Corpus) -> None:
    data = WordData(names)
    sizes = {name: (len(x), int((y != PADDING).sum())) for name, (x, y) in
             data.splits(Fields()).items()}  # fmt: skip
    assert sizes == {"train": (25_626, 182_625), "dev": (3_203, 22_655), "test": (3_204, 22_866)}
    assert data.examples(Fields(), seed=1) == 25_626
    assert data.facts(Fields())["characters/dev"] == len(names.splits(3).dev.Y)


def test_facts_name_the_entropies_worth_comparing_with(embedded: Corpus) -> None:
    facts = WordData(embedded).facts(SMALL)
    assert facts["digest"] == embedded.digest
    assert facts["entropy/unigram"] == embedded.splits(1).train.unigram_entropy()
    assert facts["entropy/bigram"] == embedded.splits(1).train.context_entropy()
    assert 2 < float(facts["entropy/bigram"]) < float(facts["entropy/unigram"]) < log(27)


def test_a_word_that_does_not_fit_is_refused(tiny: Corpus) -> None:
    longest = max(map(len, tiny.words))
    assert WordData(tiny).examples(Fields(context=longest + 1), seed=1)
    with pytest.raises(UserError, match=f"Raise it to {longest + 1}"):
        WordData(tiny).examples(Fields(context=longest), seed=1)


def test_data_travel_to_other_processes(tiny: Corpus) -> None:
    data = WordData(tiny)
    assert pickle.loads(pickle.dumps(data)) == data  # noqa: S301 - what was just pickled


def test_the_loss_is_over_characters_and_not_over_padding(tiny: Corpus) -> None:
    """Word by word, without padding, each character has the same loss."""
    batch = tuple(part[:8] for part in WordData(tiny).splits(SMALL)["train"])
    model = model_of(tiny, output_scale=1.0).double().eval()
    x, y = batch
    found = losses(model, (x, y))
    expected = []
    for inputs, targets in zip(x, y, strict=True):
        length = int((targets != PADDING).sum())
        logits = model(inputs[None, :length])[0]
        chosen = logits.log_softmax(-1)[torch.arange(length), targets[:length]]
        expected += (-chosen).tolist()
    assert found.tolist() == pytest.approx(expected, abs=1e-12)


def model_of(corpus: Corpus, **fields: object) -> torch.nn.Module:
    with seeded(stream(1, "weights")):
        return build(SMALL.model_copy(update=fields), corpus.vocabulary)


def test_a_quiet_network_starts_at_the_loss_of_guessing(tiny: Corpus) -> None:
    batch = WordData(tiny).splits(SMALL)["train"]
    loss = losses(model_of(tiny), batch).mean().item()
    assert loss == pytest.approx(log(tiny.vocabulary), abs=0.02)
    assert losses(model_of(tiny, output_scale=0.0), batch).mean().item() == pytest.approx(
        log(tiny.vocabulary), abs=1e-6
    )


def test_attention_entropy_is_over_the_characters_and_not_over_padding(tiny: Corpus) -> None:
    batch = WordData(tiny).splits(SMALL)["dev"]
    model = model_of(tiny)
    for name, parameter in model.named_parameters():
        if "query_key_value" in name:  # all scores become 0: it looks at all so far alike
            torch.nn.init.zeros_(parameter)
    taps = Taps(model)
    with taps.watching(SUBJECT.counted(batch)):
        losses(model, batch)
    _, y = batch
    seen = torch.arange(1, y.shape[1] + 1).expand_as(y)[y != PADDING]  # (N,)
    expected = seen.double().log().mean().item()
    assert taps.attention == [f"blocks.{n}.attention.branch.weights" for n in range(2)]
    assert taps.entropies == pytest.approx([expected] * 2, abs=1e-6)


def test_a_model_without_attention_weights_has_no_entropy(tiny: Corpus) -> None:
    batch = WordData(tiny).splits(SMALL)["dev"]
    model = model_of(tiny, attention="uniform")
    taps = Taps(model)
    with taps.watching(SUBJECT.counted(batch)):
        losses(model, batch)
    assert taps.entropies == []
    assert taps.names
