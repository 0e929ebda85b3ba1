"""A corpus from the bytes of a text file: what is sensible is read and said, the rest refused."""

import unicodedata
from codecs import BOM_UTF8
from pathlib import Path

from harness.corpus.corpus import NAMES_DIGEST, Corpus
from harness.errors import UserError

LARGEST_FILE = 100_000_000  # bytes
LONGEST_ITEM = 1_000  # characters; a longer line is rather a text that is not one item a line
NAMES_SOURCE = "given names of the makemore lectures (github.com/karpathy/makemore, MIT licence)"


def read_corpus(path: Path) -> Corpus:
    """The corpus in a text file, one item a line.

    Raises:
        UserError: there is no such file, it cannot be read, or it is no such text.
    """
    name = printable(path.name) or printable(str(path))
    try:
        if path.exists() and not path.is_file():
            raise UserError("the data must be a file", f"'{printable(str(path))}', which is none",
                            "Name the text file itself, one item a line.")  # fmt: skip
        if path.stat().st_size > LARGEST_FILE:
            raise UserError(f"a data file must be at most {LARGEST_FILE // 10**6} MB",
                            f"{path.stat().st_size:,} bytes in {name}",
                            "Use a smaller file.")  # fmt: skip
        payload = path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a null character in the path
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(
            "the data file must be readable", f"'{printable(str(path))}' ({reason})",
            "Check the path given with --data, ABLATE_DATA or `ablate data --use`.",
        ) from None  # fmt: skip
    return parse_corpus(payload, name)


def parse_corpus(payload: bytes, name: str) -> Corpus:
    """The corpus in the bytes of a text file; name is the file's.

    Raises:
        UserError: the bytes are no UTF-8 text of items, one a line.
    """
    text = decode_text(payload, name)
    lines = text.removesuffix("\n").split("\n")
    words = [word for line in lines if (word := line.strip())]
    for number, line in enumerate(lines, 1):
        refuse_odd(line, f"line {number:,} of {name}")
    corpus = Corpus.of(name, words, f"items of the file {name}", _notes(payload, lines, words))
    if corpus.digest == NAMES_DIGEST:
        return Corpus.of("names.txt", words, NAMES_SOURCE, corpus.notes)
    if set(corpus.alphabet[1:]) <= set("abcdefghijklmnopqrstuvwxyz"):
        return corpus
    own = f"It has an alphabet of its own: {corpus.vocabulary} symbols."
    return Corpus.of(name, words, corpus.source, (*corpus.notes, own))


def decode_text(payload: bytes, name: str) -> str:
    r"""The text without byte order mark, its line ends all "\n".

    Raises:
        UserError: the bytes are empty, binary, or in another encoding.
    """
    remedy = "Use a text file in UTF-8 with one item a line (`iconv` converts other encodings)."
    if not payload.strip():
        raise UserError("a data file must hold items, one a line", f"an empty {name}", remedy)
    try:
        text = payload.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = payload.count(b"\n", 0, error.start) + 1
        raise UserError(
            "a data file must be text in UTF-8",
            f"byte 0x{error.object[error.start]:02x} in line {line:,} of {name}", remedy,
        ) from None  # fmt: skip
    return text.replace("\r\n", "\n").replace("\r", "\n")


def refuse_odd(line: str, where: str) -> None:
    """Refuse a line that no list of items has.

    Raises:
        UserError: it is too long, or holds a control character (a terminal would obey it).
    """
    if len(line) > LONGEST_ITEM:
        raise UserError(
            f"an item must be at most {LONGEST_ITEM:,} characters", f"{len(line):,} in {where}",
            "Put each item on a line of its own.",
        )  # fmt: skip
    for character in line:
        if not character.isprintable() and unicodedata.category(character) in ("Cc", "Zl", "Zp"):
            raise UserError(
                "items must be text without control characters",
                f"U+{ord(character):04X} in {where}", "Remove it, or use another file.",
            )  # fmt: skip


def printable(text: str) -> str:
    """The text as it may be shown on a terminal."""
    return "".join(character if character.isprintable() else "?" for character in text)


def _notes(payload: bytes, lines: list[str], words: list[str]) -> list[str]:
    blank = len(lines) - len(words)
    trimmed = sum(line != line.strip() for line in lines if line.strip())
    found = {
        "The byte order mark at its start was left out.": payload.startswith(BOM_UTF8),
        "Its line ends are CRLF or CR, which are no part of the items.": b"\r" in payload,
        f"Blank lines left out: {blank:,}.": blank,
        f"Spaces at the ends of lines left out: {trimmed:,} lines.": trimmed,
    }
    return [note for note, holds in found.items() if holds]
