"""What comes last: the check against theory, how to make it again, and whose work it rests on."""

import shlex
from collections.abc import Iterator

import pandas as pd

from harness.corpus.choice import EMBEDDED, NAMES
from harness.report.document import Bullets, Code, Link, Paragraph, Section, Strong, Table
from harness.report.source import Source
from harness.report.words import interval, number
from harness.seeds import seeds_text
from harness.study import study_names

REFERENCES = (
    ("Andrej Karpathy, “Neural Networks: Zero to Hero”, makemore parts 2–4: the network, its "
     "diagnostics and most of what is tested here", "https://karpathy.ai/zero-to-hero.html"),
    ("Ioffe & Szegedy 2015, Batch Normalization", "https://arxiv.org/abs/1502.03167"),
    ("He, Zhang, Ren & Sun 2015, Delving Deep into Rectifiers", "https://arxiv.org/abs/1502.01852"),
    ("Glorot & Bengio 2010, Understanding the difficulty of training deep feedforward neural "
     "networks",
     "https://proceedings.mlr.press/v9/glorot10a.html"),
    ("Santurkar, Tsipras, Ilyas & Madry 2018, How Does Batch Normalization Help Optimization?",
     "https://arxiv.org/abs/1805.11604"),
    ("Yang, Pennington, Rao, Sohl-Dickstein & Schoenholz 2019, A Mean Field Theory of Batch "
     "Normalization",
     "https://arxiv.org/abs/1902.08129"),
)  # fmt: skip


def literature(source: Source) -> Iterator[Section]:
    """Predictions from theory and from the lectures beside what was observed."""
    table = source.literature
    if table.empty or source.refused:
        return
    rows = tuple(
        (row["says"], row["quantity"], row["mode"], str(row["cells"]),
         predicted(row),
         number(row["observed"], 4), interval(row["low"], row["high"]), Strong(row["verdict"]),
         row["source"])
        for _, row in table.iterrows()
    )  # fmt: skip
    head = ("prediction", "measured as", "mode", "cells", "predicted", "observed", "95 % interval",
            "outcome", "source")  # fmt: skip
    shown = Table("Literature check", head, rows, frozenset({3, 4, 5}))
    words = (
        "Numbers that theory gives for these networks, or that were computed for their sizes "
        "before the runs, beside those measured here."
    )
    yield Section("literature", "Literature check", [Paragraph(words), shown])


def predicted(row: pd.Series) -> str:
    """A predicted value with how far off still agrees; a floor has no such."""
    if row["tolerance"] == 0:
        return f"≥ {number(row['expected'], 4)}"
    return f"{number(row['expected'], 4)} ± {number(row['tolerance'])}"


def reproducibility(source: Source) -> Section:
    """All that is needed to make these numbers again."""
    runs, study = source.data.runs, source.study
    columns = {"commit": "code", "versions": "versions", "device": "device", "trainer": "trainer",
               "data_digest": "data digest", "session": "sessions"}  # fmt: skip
    rows = [
        (name, "; ".join(sorted(set(runs[column]) - {""})) or "unknown")
        for column, name in columns.items()
    ]
    rows += [("claims digest", study.claims_digest()), ("seeds", ", ".join(map(str, study.seeds)))]
    rows += [
        (name, value)
        for name, value in sorted(source.data.facts.items())
        if value and name not in ("claims_digest", "digest", "commit")
    ]
    chosen = arguments(source)
    return Section(
        "reproducibility", "Making it again",
        [Paragraph("Runs are bit-identical on one machine type and set of versions."),
         Code(f"ablate run {chosen}\nablate report {chosen}\nablate verify {chosen}"),
         Table("What was used", ("what", "value"), tuple(rows)),
         Paragraph(("The study as resolved is in ", Link("data/study.json", "data/study.json"),
                    "; every number here is in, or follows from, the tables beside it."))],
    )  # fmt: skip


def arguments(source: Source) -> str:
    """What follows `ablate run` to make these runs again."""
    study, corpus = source.study, source.data.facts.get("corpus", "")
    shipped = study.name in study_names()
    words = [study.name if shipped else f"{study.name}.toml"]
    if "steps" in study.fixed:
        words += ["--steps", str(study.fixed["steps"])]
    words += ["--seeds", seeds_text(study.seeds)]
    if corpus not in ("", NAMES, EMBEDDED):
        words += ["--data", corpus]
    return shlex.join(words)


def references() -> Section:
    """Whose work this rests on."""
    items = tuple((Link(text, address),) for text, address in REFERENCES)
    return Section("references", "References and credits", [Bullets(items)])
