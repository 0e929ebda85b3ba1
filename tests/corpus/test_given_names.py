"""The embedded corpus: always the same names, or a refusal."""

import re

import pytest

from harness.corpus import Corpus, given_names
from harness.corpus.given_names import embedded_corpus, romanise
from harness.errors import UserError


def test_the_embedded_names_are_distinct_sorted_and_a_to_z(embedded: Corpus) -> None:
    assert len(embedded.words) == 19_766
    assert list(embedded.words) == sorted(set(embedded.words))
    assert re.fullmatch("[a-z]+", "".join(embedded.words))
    assert embedded.vocabulary == 27


@pytest.mark.parametrize(
    ("raw", "name"),
    [("Zoë", "zoe"), ("Þórður", "thordur"), ("Łukasz", "lukasz"), ("Işıl", "isil"),
     ("İpek", "ipek"), ("Søren", "soren"), ("Heydər", "heydar"),
     ("Đurđa", "durda"), ("Nguyễn", "nguyen")],
)  # fmt: skip
def test_romanising_drops_accents_and_keeps_every_letter(raw: str, name: str) -> None:
    assert romanise(raw) == name


def test_another_faker_is_refused_naming_the_pin(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = list(given_names.raw_names())
    monkeypatch.setattr(given_names, "raw_names", lambda: [*raw, "Qqqqq"])
    with pytest.raises(UserError, match=r"19,767 names .* `pip install faker==40\.54\.0`"):
        embedded_corpus()
