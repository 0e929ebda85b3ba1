"""Which corpus is used: chosen once, remembered, never changed unasked."""

from pathlib import Path

import pytest

from harness.errors import UserError
from harness.subjects.corpus import Corpus, load_corpus, use_corpus
from harness.subjects.corpus.fetch import FetchError

NOWHERE = "http://127.0.0.1:9/names.txt"  # nothing listens there
WORDS = "anna\nbob\ncarla\ndan\neve\nfred\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def words(tmp_path: Path) -> Path:
    path = tmp_path / "words.txt"
    path.write_text(WORDS)
    return path


def test_a_named_file_comes_first_and_leaves_no_trace(folder: Path, words: Path) -> None:
    use_corpus("embedded", folder)
    before = {path: path.read_bytes() for path in folder.iterdir()}
    assert load(folder, str(words)).name == "words.txt"
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_a_named_file_is_relative_to_the_folder_of_what_names_it(folder: Path, words: Path) -> None:
    assert load_corpus("words.txt", words.parent, folder, NOWHERE).words[0] == "anna"
    with pytest.raises(UserError, match="must be readable"):
        load_corpus("words.txt", folder, folder, NOWHERE)


def test_a_corpus_is_named_without_being_remembered(folder: Path, names: Corpus) -> None:
    assert load(folder, "embedded").name == "embedded"
    assert not folder.exists()
    put_names(folder, names)
    assert load(folder, "names.txt") == names
    assert [path.name for path in folder.iterdir()] == ["names.txt"]


def test_a_file_of_a_standard_name_comes_before_the_corpus(folder: Path, words: Path) -> None:
    (words.parent / "names.txt").write_text(WORDS)
    corpus = load_corpus("names.txt", words.parent, folder, NOWHERE)
    assert (corpus.name, corpus.words[0]) == ("names.txt", "anna")


def test_without_a_network_the_embedded_corpus_is_used_and_said_once(folder: Path) -> None:
    first, second = (load(folder) for _ in range(2))
    assert (first.name, second.name) == ("embedded", "embedded")
    assert "names.txt could not be downloaded (no connection" in first.notes[0]
    assert second.notes == ()


def test_the_choice_does_not_flip_when_names_appear(folder: Path, names: Corpus) -> None:
    load(folder)
    put_names(folder, names)
    assert load(folder).name == "embedded"
    assert use_corpus("names.txt", folder, NOWHERE).name == "names.txt"
    assert load(folder).name == "names.txt"


def test_names_that_are_there_are_used_without_a_network(folder: Path, names: Corpus) -> None:
    put_names(folder, names)
    assert load(folder) == names


def test_names_remembered_but_gone_are_no_reason_to_take_others(
    folder: Path, names: Corpus
) -> None:
    put_names(folder, names)
    load(folder)
    (folder / "names.txt").unlink()
    with pytest.raises(FetchError, match="ablate data --use embedded"):
        load(folder)


def test_other_names_in_the_folder_are_refused_and_nothing_is_chosen(folder: Path) -> None:
    folder.mkdir()
    (folder / "names.txt").write_text(WORDS)
    with pytest.raises(UserError, match="Delete it to download it again"):
        load(folder)
    assert [path.name for path in folder.iterdir()] == ["names.txt"]


def test_a_file_is_remembered_from_anywhere_until_it_changes(
    folder: Path, words: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(words.parent)
    use_corpus("words.txt", folder)
    monkeypatch.chdir("/")
    assert load(folder).words[0] == "anna"
    words.write_text("gus\n" + WORDS)
    with pytest.raises(UserError, match=r"words\.txt, must not change"):
        load(folder)


def test_names_asked_for_but_out_of_reach_change_nothing(folder: Path) -> None:
    use_corpus("embedded", folder)
    with pytest.raises(FetchError):
        use_corpus("names.txt", folder, NOWHERE)
    assert load(folder).name == "embedded"


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"use": "embedded"}', "\x00"])
def test_a_damaged_choice_is_refused(folder: Path, text: str) -> None:
    folder.mkdir()
    (folder / "corpus.json").write_text(text)
    with pytest.raises(UserError, match=r"corpus\.json must say which corpus is used"):
        load(folder)


def test_a_folder_that_cannot_be_written_is_refused(folder: Path) -> None:
    folder.write_text("a file, so that not even root can write below it")
    with pytest.raises(UserError, match="the folder for data must be writable"):
        use_corpus("embedded", folder)


def load(folder: Path, source: str | None = None) -> Corpus:
    """The corpus, where no server answers."""
    return load_corpus(source, Path(), folder, NOWHERE)


def put_names(folder: Path, names: Corpus) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "names.txt").write_bytes("\n".join(names.words).encode())
