"""A corpus from the bytes of a text file, with notes on what was normalised."""

import unicodedata
from codecs import BOM_UTF8
from pathlib import Path

from harness.errors import UserError
from harness.subjects.corpus.corpus import NAMES_DIGEST, Corpus

LARGEST_FILE = 100_000_000  # bytes
LONGEST_ITEM = 1_000  # characters; a longer line suggests a text without one item per line
NAMES_SOURCE = "given names of the makemore lectures (github.com/karpathy/makemore, MIT licence)"


def read_corpus(path: Path) -> Corpus:
    """The corpus in a text file with one item per line.

    Raises:
        UserError: the file is missing, unreadable, too large, or not such a text.
    """
    name = printable(path.name) or printable(str(path))
    try:
        if path.exists() and not path.is_file():
            raise UserError(
                "the data must be a file",
                f"'{printable(str(path))}', which is not a file",
                "Name a text file with one item per line.",
            )
        if path.stat().st_size > LARGEST_FILE:
            raise UserError(
                f"a data file must be at most {LARGEST_FILE // 10**6} MB",
                f"{path.stat().st_size:,} bytes in {name}",
                "Use a smaller file.",
            )
        payload = path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a null character in the path
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(
            "the data file must be readable",
            f"'{printable(str(path))}' ({reason})",
            "Check the path given in the study, with --data, ABLATE_DATA or `ablate data --use`.",
        ) from None
    return parse_corpus(payload, name)


def parse_corpus(payload: bytes, name: str) -> Corpus:
    """The corpus in the bytes of a text file with this name.

    Raises:
        UserError: the bytes are not UTF-8 text with one item per line.
    """
    text = decode_text(payload, name)
    lines = text.removesuffix("\n").split("\n")
    words = [word for line in lines if (word := line.strip())]
    for number, line in enumerate(lines, 1):
        check_line(line, f"line {number:,} of {name}")
    corpus = Corpus.of(name, words, f"items of the file {name}", _notes(payload, lines, words))
    if corpus.digest == NAMES_DIGEST:
        return Corpus.of("names.txt", words, NAMES_SOURCE, corpus.notes)
    if set(corpus.alphabet[1:]) <= set("abcdefghijklmnopqrstuvwxyz"):
        return corpus
    note = f"Its alphabet has characters other than a–z: {corpus.vocabulary} symbols."
    return Corpus.of(name, words, corpus.source, (*corpus.notes, note))


def decode_text(payload: bytes, name: str) -> str:
    r"""The text without byte order mark and with "\n" as line ends.

    Raises:
        UserError: the bytes are empty, or not UTF-8.
    """
    remedy = "Use a text file in UTF-8 with one item per line (`iconv` converts other encodings)."
    if not payload.strip():
        raise UserError("a data file must hold items, one per line", f"an empty {name}", remedy)
    try:
        text = payload.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = payload.count(b"\n", 0, error.start) + 1
        raise UserError(
            "a data file must be text in UTF-8",
            f"byte 0x{error.object[error.start]:02x} in line {line:,} of {name}",
            remedy,
        ) from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def check_line(line: str, where: str) -> None:
    """Check the length and the characters of a line.

    Raises:
        UserError: it is too long, or has a control character, which a terminal would interpret.
    """
    if len(line) > LONGEST_ITEM:
        raise UserError(
            f"an item must be at most {LONGEST_ITEM:,} characters",
            f"{len(line):,} in {where}",
            "Put each item on a line of its own.",
        )
    for character in line:
        if not character.isprintable() and unicodedata.category(character) in ("Cc", "Zl", "Zp"):
            raise UserError(
                "items must be text without control characters",
                f"U+{ord(character):04X} in {where}",
                "Remove it, or use another file.",
            )


def printable(text: str) -> str:
    """The text with "?" for characters that a terminal would not show as they are."""
    return "".join(character if character.isprintable() else "?" for character in text)


def _notes(payload: bytes, lines: list[str], words: list[str]) -> list[str]:
    blank = len(lines) - len(words)
    trimmed = sum(line != line.strip() for line in lines if line.strip())
    found = {
        "Its byte order mark was ignored.": payload.startswith(BOM_UTF8),
        "Its line ends are CRLF or CR; they are not part of the items.": b"\r" in payload,
        f"Blank lines ignored: {blank:,}.": blank,
        f"Lines with leading or trailing spaces, which were removed: {trimmed:,}.": trimmed,
    }
    return [note for note, holds in found.items() if holds]
