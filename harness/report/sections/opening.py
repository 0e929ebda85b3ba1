"""What comes first: the answer, what to be careful about, and the audit."""

from collections.abc import Iterator

from harness.report.document import Block, Bullets, Callout, Link, Paragraph, Section, Table
from harness.report.sections.bottom_line import bottom_line, caveats
from harness.report.sections.cards import cards
from harness.report.sections.reading import reading
from harness.report.source import Source

TITLE = "Bottom line"


def sections(source: Source) -> Iterator[Section]:
    """All of it."""
    yield Section(TITLE, list(_bottom_line(source)))
    items, facts = caveats(source), source.data.facts
    if facts.get("name") and facts.get("source"):
        items.insert(0, f"Trained on {facts['name']} ({facts['source']}): do not compare these "
                     "numbers with those of other data.")  # fmt: skip
    if source.study.note:
        items.append(source.study.note)
    yield Section("Caveats", [Bullets(tuple(items))])
    yield _integrity(source)


def _bottom_line(source: Source) -> Iterator[Block]:
    """Cards, and what they do not say, in sentences; banners come before both."""
    if source.refused:
        yield Callout("stop", "Refused", " ".join(bottom_line(source)))
        return
    if not source.integrity.empty:
        yield Callout("warning", "Note", _found(source))
    yield from cards(source)
    for sentence in bottom_line(source):
        yield Paragraph(sentence)
    yield Paragraph((Link("How to read this", f"#{reading(source).id}"), " explains the terms."))


def _integrity(source: Source) -> Section:
    """What the audit of the runs found, before any number."""
    found = source.integrity
    blocks: list[Block] = []
    if found.empty:
        words = (
            "All needed runs are present and none is duplicated; labels, data, code, budgets and "
            "minibatch orders match."
        )
        blocks.append(Callout("good", "Audit passed", words))
    else:
        if source.refused:
            words = "These runs cannot be compared. No contrast is computed until this is fixed."
            blocks.append(Callout("stop", "Refused", words))
        else:
            blocks.append(Callout("warning", "Note", _found(source)))
        columns = ("check", "severity", "message", "runs")
        rows = tuple(tuple(row) for row in found[list(columns)].to_numpy())
        head = ("check", "severity", "what", "runs")
        blocks.append(Table("What the audit found", head, rows))
    return Section("Integrity of the runs", blocks)


def _found(source: Source) -> str:
    """What the audit found, in sentences."""
    return " ".join(source.integrity["message"])
