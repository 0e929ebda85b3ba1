"""Everything that follows from a study's data, as tables and sentences: what a report tells."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from harness.analysis.bottom_line import bottom_line, caveats
from harness.analysis.claims_table import claim_cells_table, claims_table
from harness.analysis.effects import attribution_table, effects_table, seeds_table
from harness.analysis.frames import StudyData, write_csv
from harness.analysis.integrity import Finding, audit, findings_table
from harness.analysis.literature_check import literature_table
from harness.analysis.verdicts import verdicts
from harness.responses import RESPONSES

ELSEWHERE = ("main", "slope")  # kinds of effects kept of responses other than the primary one


@dataclass(frozen=True)
class Answers:
    """What follows from a study.

    Attributes:
        findings: of the audit, what is refused first.
        sentences: the bottom line.
        caveats: what the design itself cannot tell.
        tables: by name, each written as a CSV of that name: integrity, claims, claim_cells,
            effects, effect_seeds, attribution, literature. Of all but integrity only the columns
            where something is refused.
    """

    findings: list[Finding]
    sentences: list[str]
    caveats: list[str]
    tables: dict[str, pd.DataFrame]

    def write(self, folder: Path) -> None:
        """Write every table into the folder."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, table in self.tables.items():
            write_csv(table, folder / f"{name}.csv")


def answer(data: StudyData) -> Answers:
    """Audit the runs; then, unless they are refused, all effects, verdicts and checks."""
    findings = audit(data)
    tables = {"integrity": findings_table(findings)} | _tables(data)
    if any(finding.severity == "refuse" for finding in findings):
        tables = {n: t if n == "integrity" else t[:0] for n, t in tables.items()}
    effects = tables["effects"][tables["effects"]["response"] == data.study.primary]
    sentences = bottom_line(data, findings, tables["claims"], effects, tables["attribution"])
    return Answers(findings, sentences, caveats(data), tables)


def _tables(data: StudyData) -> dict[str, pd.DataFrame]:
    primary = data.study.primary
    others = [name for name in RESPONSES if name != primary]
    found = verdicts(data)
    effects = [effects_table(data, name, ELSEWHERE) for name in others]
    return {
        "claims": claims_table(data, found),
        "claim_cells": claim_cells_table(found),
        "effects": pd.concat([effects_table(data, primary), *effects], ignore_index=True),
        "effect_seeds": seeds_table(data, primary),
        "attribution": attribution_table(data, primary),
        "literature": literature_table(data),
    }
