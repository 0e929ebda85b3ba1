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
COLUMNS = ("study", "claim", "verdict", "interval", "estimate, or where",
           "overturned by failing runs", "asked otherwise")  # fmt: skip
WAYS = {  # columns of stability.csv, in words
    "sign_flip": "sign-flip test", "without_one": "without seed {seeds_without}",
    "other_split": "other split", "other_items": "other words", "untuned": "untuned",
}  # fmt: skip


def with_claims(page: str) -> str:
    """The page with its table made anew."""
    before, rest = page.split(BEGIN)
    return before + BEGIN + claims() + END + rest.split(END)[1]


def claims() -> str:
    """A Markdown table with one row a claim, study by study."""
    lines = [f"| {' | '.join(COLUMNS)} |", "|" + "---|" * len(COLUMNS)]
    for folder in sorted(path.parent for path in PUBLISHED.glob("*/digests.csv")):  # not 1.0's
        table = read(folder / "data" / "claims.csv")
        stable = read(folder / "data" / "stability.csv").set_index("id")
        study = json.loads((folder / "data" / "study.json").read_text("utf-8"))["study"]
        responses = find_subject(study.get("subject", DEFAULT)).responses
        for _, row in table.iterrows():
            link = f"[{folder.name}](published/{folder.name}/report.md#claims-and-verdicts)"
            numbers = found(row, responses[row["response"]])
            condition = "" if pd.isna(row["condition"]) else f" {row['condition']}"
            asked = stable.loc[row["id"]]
            cells = (link, row["says"], f"{row['verdict']}{condition}", numbers,
                     overturned(asked), others(asked))  # fmt: skip
            lines.append(f"| {' | '.join(cells)} |")
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
    return pd.read_csv(path, keep_default_na=False, na_values=[""])
