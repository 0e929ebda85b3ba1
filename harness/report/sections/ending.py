"""What comes last: the check against theory, how to reproduce it, and whose work it rests on."""

import shlex
from collections.abc import Iterator

from harness.report.document import Bullets, Code, Link, Paragraph, Section, Strong, Table
from harness.report.sections.methods import methods, works
from harness.report.source import Source
from harness.report.words import interval, number
from harness.study.files import as_typed
from harness.study.seeds import seeds_text

COLUMNS = {"commit": "code", "versions": "versions", "device": "device", "subject": "subject",
           "version": "version of the subject", "data_digest": "data digest",
           "session": "sessions"}  # fmt: skip


def sections(source: Source) -> Iterator[Section]:
    """All but the predictions."""
    yield methods(source)
    yield _reproducibility(source)
    items = tuple((Link(work.text, work.address),) for work in works(source))
    bib = Paragraph(("As BibTeX: ", Link("references.bib", "references.bib"), "."))
    yield Section("References and credits", [Bullets(items), bib] if items else [])


def predictions(source: Source) -> Section:
    """The subject's predictions beside what was observed."""
    if source.refused or source.predictions.empty:
        return Section("Predictions")
    rows = tuple(
        (row["says"], row["response"], str(row["cells"]),
         f"{number(row['expected'], 4)} ± {number(row['margin'])}" if row["margin"]
         else f"≥ {number(row['expected'], 4)}",
         number(row["observed"], 4), interval(row["low"], row["high"]), Strong(row["outcome"]),
         row["source"])
        for _, row in source.predictions.iterrows()
    )  # fmt: skip
    head = ("prediction", "response", "cells", "predicted", "observed", "95 % interval", "outcome",
            "source")  # fmt: skip
    words = (
        "This table compares predictions from theory or earlier computations with the measurements "
        "of this study. The margins were fixed before the runs. A prediction agrees if the data "
        "show that it holds within its margin, and differs if they show that it does not. "
        "Otherwise it is not decided."
    )
    table = Table("Predictions and observations", head, rows, frozenset({2, 3, 4}))
    return Section("Predictions", [Paragraph(words), table])


def _reproducibility(source: Source) -> Section:
    """All that is needed to get these numbers again."""
    runs, study, facts = source.data.runs, source.study, source.data.facts
    rows = [
        (name, "; ".join(sorted(set(runs[column]) - {""})) or "unknown")
        for column, name in COLUMNS.items()
    ]
    rows += [("claims digest", study.claims_digest()), ("seeds", ", ".join(map(str, study.seeds)))]
    if study.declared_looks:
        rows.append(("looks, in seeds", ", ".join(map(str, study.declared_looks))))
    rows += [
        (name, value)
        for name, value in sorted(facts.items())
        if value and name not in ("claims_digest", "digest", "commit")
    ]
    words = []
    if "steps" in study.fixed:
        words += ["--steps", str(study.fixed["steps"])]
    words += ["--seeds", seeds_text(study.seeds)]
    if study.data is None and facts.get("name"):
        words += ["--data", facts["name"]]
    chosen = f"{as_typed(study.name)} {shlex.join(words)}"
    alike = "have the same bits on every machine" if study.model.same_bits else (
        "have the same bits on one machine type with one set of versions"
    )  # fmt: skip
    return Section(
        "Reproducing this",
        [Paragraph(f"Runs of {study.subject} {alike}."),
         Code(f"ablate run {chosen}\nablate report {chosen}\nablate verify {chosen}"),
         Table("What was used", ("what", "value"), tuple(rows)),
         Paragraph(("The resolved study is in ", Link("data/study.json", "data/study.json"),
                    "; all numbers here are in the tables next to it, or follow from them."))],
    )  # fmt: skip
