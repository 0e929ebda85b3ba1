"""The report as data: sections of a few kinds of block, rendered as HTML and as Markdown."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Link:
    """A text that leads somewhere.

    Attributes:
        text: shown.
        href: http(s) address, or a path relative to the report.
    """

    text: str
    href: str


@dataclass(frozen=True)
class Strong:
    """A text that stands out.

    Attributes:
        text: shown.
        tone: "good", "warning", "stop", "blue" or "soft": its colour; "" for none.
    """

    text: str
    tone: str = ""


Inline = str | Link | Strong
Words = Inline | tuple[Inline, ...]


@dataclass(frozen=True)
class Paragraph:
    """Running text."""

    words: Words


@dataclass(frozen=True)
class Bullets:
    """A list."""

    items: tuple[Words, ...]


@dataclass(frozen=True)
class Callout:
    """A remark that must not be overlooked.

    Attributes:
        tone: "good", "warning" or "stop".
        title: a word or two.
        words: the remark.
    """

    tone: str
    title: str
    words: Words


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        title: what it shows.
        head: names of the columns.
        rows: cells, as many as there are names.
        numeric: columns, counted from 0, that hold numbers.
        folded: whether HTML shows it only when asked.
    """

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[Words, ...], ...]
    numeric: frozenset[int] = frozenset()
    folded: bool = False


def compact(table: Table) -> Table:
    """The table without columns that have nothing in any row."""
    kept = [i for i in range(len(table.head)) if any(row[i] not in ("", "–") for row in table.rows)]
    return replace(
        table,
        head=tuple(table.head[i] for i in kept),
        rows=tuple(tuple(row[i] for i in kept) for row in table.rows),
        numeric=frozenset(place for place, i in enumerate(kept) if i in table.numeric),
    )


@dataclass(frozen=True)
class Picture:
    """A figure.

    Attributes:
        name: of its files.
        title, caption, alt: what it shows: in short, in full, and for those who cannot see it.
        files: formats it was written in.
        svg: the drawing as part of an HTML page.
    """

    name: str
    title: str
    caption: str
    alt: str
    files: tuple[str, ...]
    svg: str


@dataclass(frozen=True)
class Code:
    """Text in fixed pitch, such as commands."""

    text: str


Block = Paragraph | Bullets | Callout | Table | Picture | Code


@dataclass(frozen=True)
class Section:
    """A part of the report under its own heading.

    Attributes:
        title: its heading.
        blocks: its content.
    """

    title: str
    blocks: Sequence[Block] = ()

    @property
    def id(self) -> str:
        """Its anchor, as GitHub makes it of a heading."""
        return re.sub(r"[^\w -]", "", self.title.lower()).replace(" ", "-")


@dataclass(frozen=True)
class Document:
    """A whole report.

    Attributes:
        title: the study's name.
        question: what it asks.
        facts: a line below: runs, data, steps.
        sections: in order.
    """

    title: str
    question: str
    facts: str
    sections: tuple[Section, ...]
