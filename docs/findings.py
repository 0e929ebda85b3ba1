"""The table of all published claims, read off the reports' own files."""

import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from docs.markdown import table
from harness.report.words import claim_words
from harness.subjects import DEFAULT, find_subject
from harness.subjects.subject import Response

ROOT = Path(__file__).parents[1]
FINDINGS, FRONT = ROOT / "reports" / "README.md", ROOT / "README.md"
PUBLISHED = FINDINGS.parent / "published"
SHOWN = "core"  # the study whose claims the front page has
BEGIN, END = "<!-- claims, by docs/findings.py -->\n", "<!-- end of claims -->\n"
COLUMNS = ("claim", "verdict", "interval", "estimate, or where")
MORE = ("overturned by failing runs", "asked otherwise")
WAYS = {  # columns of stability.csv, in words
    "sign_flip": "sign-flip test", "without_one": "without seed {seeds_without}",
    "other_split": "other split", "other_items": "other words", "untuned": "untuned",
}  # fmt: skip


def write_findings() -> None:
    """Make the tables of both pages anew."""
    every = [
        (f"[{folder.name}](published/{folder.name}/report.md#claims-and-verdicts)", *row)
        for folder in sorted(path.parents[1] for path in PUBLISHED.glob("*/data/stability.csv"))
        for row in claims(folder)
    ]
    replace(FINDINGS, table(("study", *COLUMNS, *MORE), every))
    replace(FRONT, table(COLUMNS, [row[: len(COLUMNS)] for row in claims(PUBLISHED / SHOWN)]))


def replace(page: Path, lines: str) -> None:
    """Put a table in the place of the one that a page has."""
    before, rest = page.read_text("utf-8").split(BEGIN)
    page.write_text(f"{before}{BEGIN}{lines}\n{END}" + rest.split(END)[1], encoding="utf-8")


def claims(folder: Path) -> Iterator[tuple[str, ...]]:
    """Every claim of a published study: COLUMNS and MORE."""
    stable = read(folder / "data" / "stability.csv").set_index("id")
    study = json.loads((folder / "data" / "study.json").read_text("utf-8"))["study"]
    responses = find_subject(study.get("subject", DEFAULT)).responses
    for _, row in read(folder / "data" / "claims.csv").iterrows():
        condition = "" if pd.isna(row["condition"]) else f" {row['condition']}"
        asked = stable.loc[row["id"]]
        yield (
            row["says"], f"{row['verdict']}{condition}", *found(row, responses[row["response"]]),
            overturned(asked), others(asked),
        )  # fmt: skip


def found(row: pd.Series, response: Response) -> tuple[str, str]:
    """Interval with units; estimate of a claim about one cell, or where it holds and fails."""
    if pd.isna(row["low"]):
        return "–", row["why"]
    show, between = claim_words(row["kind"])
    about = [] if pd.isna(row["estimate"]) else [show(response, row["estimate"])]
    about += [] if pd.isna(row["why"]) else [row["why"]]
    return between(row["low"], row["high"], response), "; ".join(about)


def overturned(asked: pd.Series) -> str:
    """The share of failing runs that would overturn a verdict, if it is one that seeds leave open.

    >>> overturned(pd.Series({"tipping": 0.028, "unseen": 0.259}))
    'a share of 2.8 %'
    >>> overturned(pd.Series({"tipping": float("inf"), "unseen": 0.259}))
    '–'
    """
    share = asked["tipping"]
    return f"a share of {100 * share:.1f} %" if share <= asked["unseen"] else "–"


def others(asked: pd.Series) -> str:
    """What other ways of asking say where they say something else.

    >>> same = {"verdict": "FAILS", "sign_flip": "FAILS", "without_one": "FAILS"}
    >>> others(pd.Series(same))
    'the same in 2 ways'
    >>> others(pd.Series({**same, "sign_flip": "too few seeds"}))
    'sign-flip test: too few seeds'
    """
    given = {way: asked[way] for way in WAYS if isinstance(asked.get(way), str)}
    differing = [
        f"{WAYS[way].format(**asked).replace(',', ' or ')}: {word}"
        for way, word in given.items()
        if word != asked["verdict"]
    ]
    return "; ".join(differing) or f"the same in {len(given)} ways"


def read(path: Path) -> pd.DataFrame:
    """A table of a report; only nothing at all is missing."""
    return pd.read_csv(path, keep_default_na=False, na_values=[""],
                       dtype={"seeds_without": "str"})  # fmt: skip
