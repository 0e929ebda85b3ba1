"""The report's sections, in order: what is said, from a study's tables."""

from harness.report.document import Document, Picture, Section
from harness.report.sections import answers, ending, opening, running
from harness.report.source import Source
from harness.report.words import thousands

Pictures = dict[str, list[Picture]]


def document(source: Source, pictures: Pictures) -> Document:
    """The whole report.

    Args:
        source: the study's tables.
        pictures: its figures, by the section they belong to.
    """
    drawn = source if not source.refused else None
    sections = [
        opening.bottom_line(source),
        opening.how_to_read(source),
        opening.caveats(source),
        opening.integrity(source),
        *(answers.sections(drawn, pictures) if drawn else ()),
        running.accounting(source),
        *running.behaviour(pictures),
        *ending.literature(source),
        *running.cells(source),
        ending.reproducibility(source),
        ending.references(),
    ]
    kept = tuple(section for section in sections if section.blocks)
    return Document(source.study.name, source.study.question, facts(source), kept)


def facts(source: Source) -> str:
    """The line below the question."""
    study, known = source.study, source.data.facts
    cells = len(source.cells)
    steps = sorted({int(step) for step in source.data.runs["steps"] if step})
    budget = f", {' or '.join(map(thousands, steps))} steps" if steps else ""
    corpus = f", trained on {known['corpus']}" if known.get("corpus") else ""
    variants = f"{cells} variant{'s' * (cells != 1)}"
    seeds = f"{len(study.seeds)} seed{'s' * (len(study.seeds) != 1)}"
    return f"{variants} × {seeds}{budget}{corpus}. Primary response: {source.primary_label}."


__all__ = ["Pictures", "Section", "document"]
