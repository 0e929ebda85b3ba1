"""The report's sections, in order: what is said, from a study's tables."""

from collections.abc import Iterable
from dataclasses import replace
from math import prod

from harness.analysis.stages import count_seeds
from harness.errors import counted
from harness.report.document import Document, Picture, Section
from harness.report.sections import answers, ending, opening, running
from harness.report.sections.cards import takeaway
from harness.report.sections.reading import reading
from harness.report.source import Source


def document(source: Source, pictures: Iterable[tuple[str, Picture]]) -> Document:
    """The whole report.

    Args:
        source: the study's tables.
        pictures: its figures, each with the heading of its section. They come first there; a
            heading that no section has gets one of its own.
    """
    drawn: dict[str, list[Picture]] = {}
    for title, picture in pictures:
        if title == opening.TITLE:
            picture = replace(picture, title=takeaway(source))
        drawn.setdefault(title, []).append(picture)
    before = [*opening.sections(source), *answers.sections(source), running.accounting(source)]
    after = [ending.predictions(source), running.cells(source), reading(source),
             *ending.sections(source)]  # fmt: skip
    own = {section.title for section in (*before, *after)}
    measured = [Section(title) for title in drawn if title not in own]
    sections = [
        replace(section, blocks=[*drawn.get(section.title, []), *section.blocks])
        for section in (*before, *measured, *after)
    ]
    kept = tuple(section for section in sections if section.blocks)
    return Document(source.study.name, source.study.question, facts(source), kept)


def facts(source: Source) -> str:
    """The line below the question."""
    known = source.data.facts
    steps = sorted({source.study.fields(cell).steps for cell in source.cells.values()})
    budget = " or ".join(f"{count:,}" for count in steps)
    data = f", trained on {known['name']}" if known.get("name") else ""
    tuned, count = source.study.tuned, count_seeds(source.expected)
    whole = len(source.cells) * prod(map(len, tuned.values())) * count
    most = "" if len(source.expected) == whole else "at most "
    grid = " × ".join([
        counted(len(source.cells), "variant"),
        *(f"{len(levels)} levels of {field}" for field, levels in tuned.items()),
        f"{most}{counted(count, 'seed')}",
    ])  # fmt: skip
    return f"{grid}, {budget} steps{data}. Primary response: {source.primary.axis}."
