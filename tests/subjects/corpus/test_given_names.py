"""The embedded corpus: always the same names, or an error."""

import re
from pathlib import Path

import pytest

from harness.subjects.corpus import Corpus, given_names
from harness.subjects.corpus.given_names import EMBEDDED_DIGEST, embedded_corpus


def test_the_embedded_names_are_distinct_sorted_and_a_to_z(embedded: Corpus) -> None:
    assert len(embedded.words) == 19_766
    assert list(embedded.words) == sorted(set(embedded.words))
    assert re.fullmatch("[a-z]+", "".join(embedded.words))
    assert embedded.vocabulary == 27
    assert embedded.digest == EMBEDDED_DIGEST


def test_the_licence_of_the_names_is_beside_them() -> None:
    licence = Path(given_names.__file__).with_suffix(".LICENSE").read_text("utf-8")
    assert "Copyright (c) 2012 Daniele Faraglia" in licence
    assert "Permission is hereby granted" in licence


@pytest.mark.parametrize("change", ["\nzzz", "\n"], ids=["one more", "an empty line"])
def test_a_changed_list_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    text = Path(given_names.__file__).with_suffix(".txt").read_text("utf-8")
    (tmp_path / "given_names.txt").write_text(text + change, "utf-8")
    monkeypatch.setattr(given_names, "files", lambda _: tmp_path)
    if change.strip():
        with pytest.raises(RuntimeError, match=r"given_names\.txt was changed"):
            embedded_corpus()
    else:
        assert embedded_corpus().digest == EMBEDDED_DIGEST  # the same names
