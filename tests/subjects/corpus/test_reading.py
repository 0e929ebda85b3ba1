"""Any bytes become a corpus or one clear refusal."""

import pickle
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harness.errors import UserError
from harness.subjects.corpus import NAMES_DIGEST, Corpus
from harness.subjects.corpus.reading import parse_corpus, read_corpus

LINE_ENDS = "Its line ends are CRLF or CR; they are not part of the items."
SIX = b"anna\nbob\ncarla\ndan\neve\nfred\n"


@pytest.mark.parametrize(
    ("payload", "note"),
    [
        (b"\xef\xbb\xbf" + SIX, "Its byte order mark was ignored."),
        (SIX.replace(b"\n", b"\r\n"), LINE_ENDS),
        (SIX.replace(b"\n", b"\r"), LINE_ENDS),
        (b"\n\n" + SIX.replace(b"bob", b"bob\n \n") + b"\n", "Blank lines ignored: 5."),
        (
            SIX.replace(b"bob", b"  bob "),
            "Lines with leading or trailing spaces, which were removed: 1.",
        ),
    ],
)
def test_a_file_is_normalised_and_a_note_says_so(payload: bytes, note: str) -> None:
    corpus = parse_corpus(payload, "six.txt")
    assert corpus == parse_corpus(SIX, "six.txt")
    assert corpus.words == ("anna", "bob", "carla", "dan", "eve", "fred")
    assert corpus.notes == (note,)


def test_a_plain_file_has_no_notes_with_or_without_its_last_newline() -> None:
    corpora = parse_corpus(SIX, "six.txt"), parse_corpus(SIX[:-1], "six.txt")
    assert corpora[0] == corpora[1]
    assert [corpus.notes for corpus in corpora] == [(), ()]


def test_another_alphabet_is_used_and_a_note_says_so() -> None:
    corpus = parse_corpus("анна\nборис\nвера\nглеб\nдарья\nева\n".encode(), "имена.txt")
    assert corpus.alphabet == "." + "".join(sorted(set("аннаборисвераглебдарьяева")))
    assert corpus.notes == ("Its alphabet has characters other than a–z: 15 symbols.",)


def test_duplicates_are_kept() -> None:
    assert len(parse_corpus(SIX + SIX, "twice.txt").words) == 12


def test_hostile_items_are_data() -> None:
    words = ("<script>alert(1)</script>", "{{7*7}}", "'; drop table--", "|a|b|", "$(x)", "%s%n")
    assert parse_corpus("\n".join(words).encode(), "x").words == words


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        (b"", "an empty f.txt"),
        (b" \n\n", "an empty f.txt"),
        (b"\xef\xbb\xbf\n", "0 in f.txt"),
        (b"\x7fELF\x02\x00\x00" + SIX, "control characters; received U+007F in line 1 of f.txt"),
        (SIX + b"a\x00b", "control characters; received U+0000 in line 7 of f.txt"),
        (SIX + b"a\x1b[2Jb", "control characters; received U+001B in line 7 of f.txt"),
        (SIX + "a\u2028b".encode(), "control characters; received U+2028 in line 7 of f.txt"),
        (SIX + "zoë".encode("latin-1"), "text in UTF-8; received byte 0xeb in line 7 of f.txt"),
        (SIX.decode().encode("utf-16"), "text in UTF-8; received byte 0xff in line 1 of f.txt"),
        (b"anna\n", "three splits (80/10/10); received 1 in f.txt"),
        (b"\n".join(SIX.split()[:5]), "three splits (80/10/10); received 5 in f.txt"),
        (SIX + b"x" * 1001, "at most 1,000 characters; received 1,001 in line 7 of f.txt"),
        (SIX + b"j. doe\n", "must not contain '.'"),
        (b"../../x\n" + SIX, "received '../../x', item 1 of f.txt"),
    ],
)
def test_another_file_is_refused_with_rule_place_and_remedy(payload: bytes, says: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_corpus(payload, "f.txt")
    assert says in str(caught.value)
    assert caught.value.remedy.endswith((".", ")."))


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("missing.txt", "No such file"),
        (".", "which is not a file"),
        ("a\0b", "null"),
        ("/dev/zero", "which is not a file"),
        ("x" * 5000, "too long"),
        ("missing\x1b[2J.txt", "'missing?[2J.txt'"),
    ],
)
def test_a_path_that_names_no_file_is_refused(path: str, says: str) -> None:
    with pytest.raises(UserError, match=r"must be (a file|readable)") as caught:
        read_corpus(Path(path))
    assert says in str(caught.value)


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "huge.txt"
    with path.open("wb") as file:
        file.truncate(100_000_001)
    with pytest.raises(UserError, match=r"at most 100 MB; received 100,000,001 bytes in huge\.txt"):
        read_corpus(path)


def test_a_file_name_is_shown_without_its_control_characters(tmp_path: Path) -> None:
    path = tmp_path / "a\x1b[2J.txt"
    path.write_bytes(SIX)
    assert read_corpus(path).name == "a?[2J.txt"


def test_names_are_known_by_their_digest_whatever_the_file(names: Corpus, tmp_path: Path) -> None:
    path = tmp_path / "other.txt"
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(names.words).encode())
    assert read_corpus(path).name == "names.txt"
    assert read_corpus(path).digest == NAMES_DIGEST == names.digest
    (tmp_path / "names.txt").write_bytes(SIX)
    assert read_corpus(tmp_path / "names.txt").source == "items of the file names.txt"


LINES = st.lists(st.text(max_size=8), min_size=5, max_size=30).map(lambda a: "\n".join(a).encode())


@given(st.one_of(st.binary(max_size=400), LINES, LINES.map(lambda a: a.replace(b".", b""))))
@example(b"a\na\na\na\na\na")
def test_arbitrary_bytes_make_a_corpus_or_a_refusal(payload: bytes) -> None:
    try:
        corpus = parse_corpus(payload, "any")
    except UserError:
        return
    restored: Corpus = pickle.loads(pickle.dumps(corpus))  # noqa: S301 - our own bytes
    assert (restored, restored.words) == (corpus, corpus.words)
    spelled = [word for split in corpus.splits(2) for word in items(corpus, split.Y.tolist())]
    assert sorted(spelled) == sorted(corpus.words)


def items(corpus: Corpus, symbols: list[int]) -> list[str]:
    """The items that a split's targets spell, each ended by a boundary."""
    return "".join(corpus.alphabet[symbol] for symbol in symbols).removesuffix(".").split(".")
