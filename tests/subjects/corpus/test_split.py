"""The splits against the lecture's loop, and their counts."""

import random
from collections import Counter
from math import log

import numpy as np
import pytest

from harness.errors import UserError
from harness.subjects.char_mlp.fields import Fields
from harness.subjects.corpus import Corpus
from harness.subjects.corpus.split import Split

TEST_WORDS_OF_SEED_7 = ["kurt", "wes", "lin", "ernst", "maryam"]


def lecture_examples(
    words: list[str], alphabet: str, context: int
) -> tuple[list[list[int]], list[int]]:
    """The lecture's `build_dataset`, the slow twin."""
    X, Y = [], []
    for word in words:
        window = [0] * context
        for character in word + ".":
            place = alphabet.index(character)
            X.append(window)
            Y.append(place)
            window = [*window[1:], place]
    return X, Y


@pytest.mark.parametrize("context", [1, 3, 5, 20])
def test_examples_are_the_lectures(tiny: Corpus, context: int) -> None:
    words = list(tiny.words)
    random.Random(42).shuffle(words)  # noqa: S311 - as in the lecture; not for security
    n1, n2 = int(0.8 * len(words)), int(0.9 * len(words))
    for split, part in zip(
        tiny.splits(context), (words[:n1], words[n1:n2], words[n2:]), strict=True
    ):
        X, Y = lecture_examples(part, tiny.alphabet, context)
        assert split.X.dtype == split.Y.dtype == np.int64
        assert split.X.tolist() == X
        assert split.Y.tolist() == Y


@pytest.mark.parametrize("context", [1, 3, 20])
def test_distinct_contexts_are_sorted_and_counted(tiny: Corpus, context: int) -> None:
    for split in tiny.splits(context):
        follows = Counter(zip(map(tuple, split.X.tolist()), split.Y.tolist(), strict=True))
        rows = sorted({row for row, _ in follows})
        assert split.contexts.tolist() == [list(row) for row in rows]
        assert split.counts.dtype == np.float64
        expected = [[follows[row, y] for y in range(tiny.vocabulary)] for row in rows]
        assert split.counts.tolist() == expected


def test_names_give_the_lectures_numbers(names: Corpus) -> None:
    splits = names.splits(context=3)
    assert [len(split.Y) for split in splits] == [182_625, 22_655, 22_866]
    assert [len(split.contexts) for split in splits] == [5_438, 2_965, 2_983]
    assert splits.train.unigram_entropy() == pytest.approx(2.823, abs=5e-4)
    assert splits.train.context_entropy() == pytest.approx(1.869, abs=5e-4)


def test_entropies_by_hand() -> None:
    none = np.zeros(0, np.int64)
    split = Split(none, none, none, np.array([[1.0, 1.0], [0.0, 2.0]]))
    assert split.context_entropy() == pytest.approx(log(2) / 2)
    assert split.unigram_entropy() == pytest.approx(0.25 * log(4) + 0.75 * log(4 / 3))


def test_train_words_keeps_the_first_of_the_training_split(tiny: Corpus) -> None:
    every, few = tiny.splits(3), tiny.splits(3, train_words=10)
    assert np.array_equal(few.train.Y, every.train.Y[: len(few.train.Y)])
    assert int((few.train.Y == 0).sum()) == 10
    assert np.array_equal(few.dev.X, every.dev.X)
    assert np.array_equal(few.test.X, every.test.X)


def test_more_train_words_than_there_are_is_refused(tiny: Corpus) -> None:
    with pytest.raises(UserError, match="at most 37, the training words of tiny; received 38"):
        tiny.splits(3, train_words=38)


def test_splits_are_computed_once(tiny: Corpus) -> None:
    assert tiny.splits(3) is tiny.splits(3)
    assert tiny.splits(3) is not tiny.splits(4)


def words_of(split: Split, corpus: Corpus) -> list[str]:
    text = "".join(corpus.alphabet[y] for y in split.Y)
    return text.split(".")[:-1]


def test_the_words_of_a_seed_are_assigned_anew_and_none_is_lost(embedded: Corpus) -> None:
    fixed, one, other = embedded.splits(3), embedded.splits(3, seed=1), embedded.splits(3, seed=2)
    assert [len(words_of(split, embedded)) for split in one] == [
        len(words_of(split, embedded)) for split in fixed
    ]
    for splits in (fixed, one, other):
        every = [word for split in splits for word in words_of(split, embedded)]
        assert sorted(every) == sorted(embedded.words)
    tests = [set(words_of(splits.test, embedded)) for splits in (fixed, one, other)]
    share = len(tests[0]) / len(embedded.words)
    for first, second in ((0, 1), (0, 2), (1, 2)):  # as far apart as chance has it
        common = len(tests[first] & tests[second]) / len(tests[first])
        assert share / 3 < common < 3 * share


def test_the_split_of_a_seed_is_the_same_on_every_machine(tiny: Corpus) -> None:
    """Written down once: who changes it changes every run that was trained on it."""
    assert words_of(tiny.splits(3, seed=7).test, tiny) == TEST_WORDS_OF_SEED_7


def test_a_run_sees_its_own_split_only_if_it_asks_for_it(tiny: Corpus) -> None:
    fixed, by_seed = Fields(), Fields(split="by_seed")
    assert tiny.splits_of(fixed, 7) is tiny.splits_of(fixed, 8) is tiny.splits(3)
    assert tiny.splits_of(by_seed, 7) is tiny.splits(3, seed=7) is not tiny.splits_of(by_seed, 8)
    assert tiny.examples(by_seed, 7) == len(tiny.splits(3, seed=7).train.Y)


def test_a_table_that_would_not_fit_is_refused() -> None:
    ideographs = [chr(0x4E00 + code) for code in range(20_000)]
    corpus = Corpus.of("ideographs", ideographs, "one of each")
    with pytest.raises(UserError, match=r"contexts × symbols must be at most .* × 20,001"):
        corpus.splits(1)


@pytest.mark.parametrize("size", range(12))
def test_six_words_are_enough_for_three_splits(size: int) -> None:
    words = [chr(ord("a") + place) for place in range(size)]
    if size < 6:
        with pytest.raises(UserError, match=rf"at least 6 items, .*; received {size} in few"):
            Corpus.of("few", words, "")
    else:
        assert all(len(split.Y) for split in Corpus.of("few", words, "").splits())
