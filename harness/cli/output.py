"""What is printed, on whatever it is printed to: other encodings, and readers that leave early."""

import codecs
import io
import os
import shutil
import sys
import textwrap
import unicodedata
from typing import Any

LOOKALIKES = str.maketrans({"−": "-", "–": "-", "×": "x", "·": ".", "→": "->", "≤": "<=", "≥": ">=",
                            "δ": "delta", "√": "sqrt", "’": "'", "“": '"', "”": '"'})  # fmt: skip
NEAREST = "nearest"  # name of the way in which characters are replaced


class Pipe(io.FileIO):
    """A file whose reader may leave, as `head` does: what is written afterwards goes nowhere."""

    def write(self, payload: Any, /) -> int:
        """Write, if anyone still reads."""
        try:
            return super().write(payload)
        except BrokenPipeError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            return len(payload)


def open_output() -> None:
    """Let nothing that is printed end the program: neither its characters nor a closed pipe."""
    codecs.register_error(NEAREST, nearest)
    for name in ("stdout", "stderr"):
        given = getattr(sys, name)
        if given is None or given is not getattr(sys, f"__{name}__"):  # closed, or not a file
            continue
        given.flush()
        raw = Pipe(given.fileno(), "w", closefd=False)
        opened = io.TextIOWrapper(
            raw if given.write_through else io.BufferedWriter(raw),
            given.encoding,
            NEAREST,
            line_buffering=given.line_buffering,
            write_through=given.write_through,
        )
        setattr(sys, name, opened)


def wrapped(lead: str, text: str) -> str:
    """A text after its lead; on a terminal wrapped to its width, in a column of its own."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else sys.maxsize
    return textwrap.fill(lead + text, max(width, len(lead) + 20), subsequent_indent=" " * len(lead))


def nearest(error: UnicodeError) -> tuple[str, int]:
    """Characters that an encoding lacks, in ASCII: "?" for those that resemble none."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end].translate(LOOKALIKES)
    plain = (unicodedata.normalize("NFKD", letter).encode("ascii", "ignore") for letter in missing)
    return "".join(letter.decode() or "?" for letter in plain), error.end
