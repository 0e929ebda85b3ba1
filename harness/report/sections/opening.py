"""What comes first: the answer, how to read it, what to be careful about, and the audit."""

from collections.abc import Iterator

from harness.analysis.bottom_line import bottom_line, caveats
from harness.analysis.grid import place_label
from harness.report.document import Block, Bullets, Callout, Paragraph, Section, Strong, Table
from harness.report.source import Source


def sections(source: Source) -> Iterator[Section]:
    """All of it."""
    yield Section("Bottom line", [Paragraph(sentence) for sentence in bottom_line(source.data)])
    yield _how_to_read(source)
    items, facts = list(caveats(source.data)), source.data.facts
    if facts.get("name") and facts.get("source"):
        items.insert(0, f"Trained on {facts['name']} ({facts['source']}): numbers of other data do "
                     "not compare with these.")  # fmt: skip
    if source.study.note:
        items.append(source.study.note)
    yield Section("Caveats", [Bullets(tuple(items))])
    yield _integrity(source)


def _how_to_read(source: Source) -> Section:
    """What words and marks mean; the subject explains its own."""
    terms = (
        ("Variant and seed.", "A variant is one combination of levels. Each seed runs through "
         "every variant with the same minibatches, so that differences are paired."),
        ("Baseline.", f"{place_label(source.study.baseline)}. Effects are differences from it: a "
         "level minus the baseline's."),
        ("Intervals.", f"{source.about_seeds()} Those of claims are at the level that the "
         "correction for several claims (Holm) leaves, so that none contradicts its verdict. All "
         "other tables and figures are exploratory and not corrected."),
        ("Verdicts.", "SUPPORTED where the data show that a claim holds as stated, by its margin "
         "and in every cell meant; REFUTED where they show that it does not; INCONCLUSIVE where "
         "they do neither, with a guess at the seeds it would take; NOT TESTABLE with one seed, "
         "with runs missing, or with diverged runs where the response needs them finished."),
        ("CONDITIONAL.", "A main effect whose direction depends on the other factors: one of its "
         "simple effects lies above zero and another below, each beyond what chance does among so "
         "many. Its average answers no question; see where it holds."),
        ("Effect size d, in ranks.", "A difference over its standard deviation over seeds; and the "
         "same difference after each seed's variants are ranked (1 is the lowest), which no "
         "outlier moves. Where the two point different ways, the remarks say so."),
        *source.study.model.glossary,
    )  # fmt: skip
    items = tuple((Strong(term), f" {meaning}") for term, meaning in terms)
    return Section("How to read this", [Bullets(items)])


def _integrity(source: Source) -> Section:
    """What the audit of the runs found, before any number."""
    found = source.integrity
    blocks: list[Block] = []
    if found.empty:
        words = (
            "All planned runs are there, none twice, with matching labels, data, code, budgets and "
            "minibatch orders."
        )
        blocks.append(Callout("good", "Audit passed", words))
    else:
        if source.refused:
            words = "These runs cannot be compared. No contrast is made until this is fixed."
            blocks.append(Callout("stop", "Refused", words))
        else:
            blocks.append(Callout("warning", "Note", " ".join(found["message"])))
        columns = ("check", "severity", "message", "runs")
        rows = tuple(tuple(row) for row in found[list(columns)].to_numpy())
        head = ("check", "severity", "what", "runs")
        blocks.append(Table("What the audit found", head, rows))
    return Section("Integrity of the runs", blocks)
