"""The verdicts of a report that was written, in a line each."""

import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from harness.report.sections.cards import estimate_words
from harness.study.study import Study


def verdict_lines(folder: Path) -> Iterator[tuple[str, str]]:
    """Of every claim: the verdict's word, then the claim with its numbers and reservations.

    There are none where the runs could not be compared.
    """
    table = folder / "data" / "claims.csv"
    if not table.exists():
        return
    whole = json.loads((folder / "data" / "study.json").read_text(encoding="utf-8"))
    study = Study.model_validate(whole["study"])
    claims = pd.read_csv(table, keep_default_na=False, na_values=[""])
    for _, row in claims.iterrows():
        yield row["verdict"], ", ".join((row["says"] + _numbers(study, row), *_reservations(row)))


def _numbers(study: Study, row: pd.Series) -> str:
    if pd.isna(row["low"]):
        return ""
    worst = " in the worst cell" if row["distinct"] > 1 else ""
    return f": {estimate_words(study.response(row['response']), row)}{worst}"


def _reservations(row: pd.Series) -> Iterator[str]:
    if pd.notna(row["condition"]):
        yield row["condition"]
    if pd.notna(row["stamps"]):
        yield "exploratory"
