"""The table of all published claims, read off the reports' own files."""

import json
from pathlib import Path

import pandas as pd

from harness.report.words import difference, difference_interval, interval, measured
from harness.subjects import DEFAULT, find_subject
from harness.subjects.subject import Response

FINDINGS = Path(__file__).parents[1] / "reports" / "README.md"
PUBLISHED = FINDINGS.parent / "published"
BEGIN, END = "<!-- claims, by docs/findings.py -->\n", "<!-- end of claims -->\n"


def with_claims(page: str) -> str:
    """The page with its table made anew."""
    before, rest = page.split(BEGIN)
    return before + BEGIN + claims() + END + rest.split(END)[1]


def claims() -> str:
    """A Markdown table with one row a claim, study by study."""
    lines = ["| study | claim | verdict | interval | estimate, or where |", "|---|---|---|---|---|"]
    for folder in sorted(path.parent for path in PUBLISHED.glob("*/digests.csv")):  # not 1.0's
        table = pd.read_csv(folder / "data" / "claims.csv", keep_default_na=False, na_values=[""])
        study = json.loads((folder / "data" / "study.json").read_text("utf-8"))["study"]
        responses = find_subject(study.get("subject", DEFAULT)).responses
        for _, row in table.iterrows():
            link = f"[{folder.name}](published/{folder.name}/report.md#claims-and-verdicts)"
            numbers = found(row, responses[row["response"]])
            condition = "" if pd.isna(row["condition"]) else f" {row['condition']}"
            lines.append(f"| {link} | {row['says']} | {row['verdict']}{condition} | {numbers} |")
    return "\n".join(lines) + "\n"


def found(row: pd.Series, response: Response) -> str:
    """Interval with units; estimate of a claim about one cell, or where it holds and fails."""
    if pd.isna(row["low"]):
        return f"– | {row['why']}"
    absolute = row["kind"] == "threshold"
    show, between = (measured, interval) if absolute else (difference, difference_interval)
    about = [] if pd.isna(row["estimate"]) else [show(response, row["estimate"])]
    about += [] if pd.isna(row["why"]) else [row["why"]]
    return f"{between(row['low'], row['high'], response)} | {'; '.join(about)}"
