"""What is printed, on whatever it is printed to: other encodings, full disks, closed terminals."""

import codecs
import io
import os
import re
import shutil
import sys
import textwrap
import unicodedata
from select import select
from typing import Any

LOOKALIKES = str.maketrans({"−": "-", "–": "-", "×": "x", "·": ".", "→": "->", "≤": "<=", "≥": ">=",
                            "δ": "delta", "√": "sqrt", "’": "'", "“": '"', "”": '"'})  # fmt: skip
FIRST_COLUMN = re.compile(r"\s*(?:\S+\s{2,})?")
NEAREST = "nearest"  # name of the way in which characters are replaced


class Output(io.FileIO):
    """A file that may take nothing more: a pipe whose reader left, a full disk, a closed terminal.

    Attributes:
        lost: why some of what was written is lost; None if all was taken, or nobody wants it.
    """

    lost: OSError | None = None

    def write(self, payload: Any, /) -> int:
        """Write all of it, if that is possible."""
        rest = memoryview(payload)
        try:
            while rest:
                if (taken := super().write(rest)) is None:  # a full pipe that is not to block
                    select([], [self], [])
                else:
                    rest = rest[taken:]
        except OSError as error:
            if not isinstance(error, BrokenPipeError):
                self.lost = error
        return len(payload)


def open_output() -> Output | None:
    """Let nothing that is printed end the program, neither its characters nor where it goes.

    A standard stream that the caller closed is opened on nothing, before another file takes its
    number.

    Returns:
        What stdout goes to; None if it is no file, as in a notebook.
    """
    codecs.register_error(NEAREST, nearest)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, open(nowhere, mode))  # noqa: SIM115 - as long as the program runs
    outputs = {name: _opened(name) for name in ("stdout", "stderr")}
    return outputs["stdout"]


def _opened(name: str) -> Output | None:
    given = getattr(sys, name)
    if given is not getattr(sys, f"__{name}__"):
        return None
    raw = Output(given.fileno(), "w", closefd=False)
    opened = io.TextIOWrapper(
        raw if given.write_through else io.BufferedWriter(raw),
        given.encoding,
        NEAREST,
        line_buffering=given.line_buffering,
        write_through=given.write_through,
    )
    setattr(sys, name, opened)
    return raw


def wrapped(lead: str, text: str) -> str:
    """A text after its lead; on a terminal wrapped to its width, in a column of its own."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else sys.maxsize
    return textwrap.fill(lead + text, max(width, len(lead) + 20), subsequent_indent=" " * len(lead))


def wrapped_line(line: str) -> str:
    """A line such as "source    names …", on a terminal wrapped beside its first column."""
    lead = FIRST_COLUMN.match(line)[0]  # type: ignore[index]  # it matches whatever the line is
    return wrapped(lead, line[len(lead) :])


def nearest(error: UnicodeError) -> tuple[str, int]:
    """Characters that an encoding lacks, in ASCII: "?" for those that resemble none."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end].translate(LOOKALIKES)
    plain = (unicodedata.normalize("NFKD", letter).encode("ascii", "ignore") for letter in missing)
    return "".join(letter.decode() or "?" for letter in plain), error.end
