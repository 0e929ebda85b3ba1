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
        anchors: identifiers of the rows, by which figures name them; empty where none does.
    """

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[Words, ...], ...]
    numeric: frozenset[int] = frozenset()
    folded: bool = False
    anchors: tuple[str, ...] = ()


FEW_ROWS = 2  # say the same without being worth a remark


def compact(table: Table) -> Table:
    """The table without columns that have nothing in any row, or the same text in all of many.

    The title says what that text is.
    """
    columns = dict(enumerate(zip(*table.rows, strict=True)))
    filled = {i: column for i, column in columns.items() if set(column) - {"", "–"}}
    alike = {
        i: column[0]
        for i, column in filled.items()
        if i and len(column) > FEW_ROWS and len(set(column)) == 1 and isinstance(column[0], str)
    }
    kept = [i for i in filled if i not in alike]
    said = "; ".join(f"{table.head[i]}: {text}" for i, text in alike.items())
    return replace(
        table,
        title=f"{table.title} (in every row: {said})" if said else table.title,
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
        files: names of the files that it was written to.
        svg: the drawing as part of an HTML page.
    """

    name: str
    title: str
    caption: str
    alt: str
    files: tuple[str, ...]
    svg: str

    @property
    def shown(self) -> str:
        """The file that Markdown shows; "" where none can be."""
        return next((f for form in ("png", "svg") for f in self.files if f.endswith(form)), "")


@dataclass(frozen=True)
class Code:
    """Text in fixed pitch, such as commands."""

    text: str


@dataclass(frozen=True)
class Card:
    """An answer at a glance.

    Attributes:
        tone: "good", "warning", "stop", "blue" or "soft".
        mark: a sign beside the word, for those who do not see its colour.
        word: the answer, such as a verdict.
        says: what it is the answer to.
        found: the number that it rests on, with its interval; "" where there is none.
        why: one line more; "" where there is nothing to add.
    """

    tone: str
    mark: str
    word: str
    says: str
    found: str
    why: str


Block = Paragraph | Bullets | Callout | Table | Picture | Code | Card


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
