"""A report in a few lines: each claim's verdict, numbers and reservations."""

import json
from pathlib import Path

import pandas as pd

from harness.report.verdict_lines import verdict_lines
from harness.study.files import load_study

NOTHING = {"condition": "", "stamps": "", "kind": "difference", "response": "final/dev_loss",
           "distinct": 1, "estimate": "", "low": "", "high": "", "bound": -0.01,
           "margin": 0.01}  # fmt: skip


def lines(folder: Path, *claims: dict[str, object]) -> list[tuple[str, str]]:
    """The lines of a report of the study smoke with these claims."""
    (folder / "data").mkdir()
    study = load_study("smoke").model_dump(mode="json")
    (folder / "data" / "study.json").write_text(json.dumps({"study": study}))
    table = pd.DataFrame([{**NOTHING, **claim} for claim in claims])
    table.to_csv(folder / "data" / "claims.csv", index=False)
    return list(verdict_lines(folder))


def test_a_claim_has_its_numbers_and_what_it_must_not_be_read_without(tmp_path: Path) -> None:
    found = lines(
        tmp_path,
        {"verdict": "SUPPORTED", "says": "One cell", "estimate": -0.2, "low": -0.3, "high": -0.1,
         "condition": "if no run fails", "stamps": "claims changed"},
        {"verdict": "NOT EVERYWHERE", "says": "Twelve cells", "distinct": 12, "low": 0.0321,
         "high": 0.0379, "kind": "threshold", "response": "init/saturation_worst"},
        {"verdict": "SUPPORTED", "says": "Just so", "estimate": -0.0211, "low": -0.0321,
         "high": -0.01004},
        {"verdict": "NOT TESTABLE", "says": "One seed"},
    )  # fmt: skip
    assert [(word, text.replace("\N{NO-BREAK SPACE}", " ")) for word, text in found] == [
        ("SUPPORTED",
         "One cell: −0.200 nats (−0.300 to −0.100), if no run fails, exploratory"),
        ("NOT EVERYWHERE", "Twelve cells: 3.21 % to 3.79 % in the worst cell"),
        ("SUPPORTED", "Just so: −0.02110 nats (−0.03210 to −0.01004)"),
        ("NOT TESTABLE", "One seed"),
    ]  # fmt: skip


def test_there_are_none_where_runs_cannot_be_compared(tmp_path: Path) -> None:
    assert list(verdict_lines(tmp_path)) == []
