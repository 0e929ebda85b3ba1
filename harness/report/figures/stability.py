"""Every claim's verdict beside those that other ways of asking give."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from harness.analysis.claims_table import IF_NO_RUN_FAILS
from harness.analysis.verdicts import NOT_TESTABLE, VERDICTS
from harness.report.canvas import Layout
from harness.report.drawing import Drawing
from harness.report.facets import left_out
from harness.report.names import fitting
from harness.report.source import Source
from harness.report.style import INK
from harness.report.verdict_signs import MARKS, colour_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_ROWS = 40  # claims
ROW = 0.24  # inches
WAYS = {  # of asking, each with the head of its column
    "verdict": "t test", "sign_flip": "sign flip", "without_one": "without\none seed",
    "other_split": "other\nsplit", "other_items": "with other\nitems", "untuned": "untuned",
}  # fmt: skip


def _claims(source: Source) -> pd.DataFrame:
    return source.stability[source.stability["verdict"] != NOT_TESTABLE]


def _ways(source: Source) -> dict[str, str]:
    """The ways that the study has, with the heads of their columns."""
    table = _claims(source)
    return {way: head for way, head in WAYS.items() if (table[way] != "").any()}


def _caption(source: Source) -> str:
    table = _claims(source)
    used = {word for way in _ways(source) for word in table[way]}
    marks = ", ".join(f"{MARKS[word]} {word}" for word in VERDICTS if word in used)
    parts = (
        f"Each claim's verdict (t test), and those of other analyses: {marks}. Verdicts "
        "that differ are framed. An empty field means that the analysis is not possible, an "
        "exclamation mark that the verdict assumes that no run fails.",
        left_out(min(MOST_ROWS, len(table)), len(table), "the first ones", "claims"),
    )
    return " ".join(filter(None, parts))


def _alt(source: Source) -> str:
    said = []
    for _, row in _claims(source).head(MOST_ROWS).iterrows():
        others = [f"{head.replace(chr(10), ' ')} {row[way]}" for way, head in _ways(source).items()
                  if row[way] not in ("", row["verdict"])]  # fmt: skip
        said.append(f"{row['id']} {row['verdict']}" + (f" ({', '.join(others)})" if others else ""))
    return f"Verdicts, with those that differ in brackets: {'; '.join(said)}."


def _draw(source: Source) -> Figure | None:
    """One row a claim, one column a way of asking, each field with the mark of its verdict."""
    from matplotlib.colors import to_rgb

    table, ways = _claims(source).head(MOST_ROWS), _ways(source)
    if table.empty:
        return None
    labels, left = fitting(table["id"])
    sheet = Layout(1, 1, height=ROW * len(table), left=left, bottom=0.5).sheet()
    ax = sheet.axes[0]
    for y, (_, row) in enumerate(table.iterrows()):
        for x, way in enumerate(ways):
            word = row[way]
            if word not in MARKS:
                continue
            framed = word != row["verdict"]
            ax.barh(y, 0.92, 0.84, left=x - 0.46, color=[*to_rgb(colour_of(word)), 0.3],
                    edgecolor=INK if framed else "none", linewidth=1)  # fmt: skip
            ax.text(x, y, MARKS[word], ha="center", va="center", fontsize=9)
        if row["failures"] == IF_NO_RUN_FAILS:
            ax.text(len(ways), y, "!", ha="center", va="center", fontweight="bold")
    ax.set_xticks(range(len(ways) + 1), [*ways.values(), "failing\nruns"])
    ax.set_xlim(-0.5, len(ways) + 0.5)
    ax.set_yticks(range(len(table)), labels)
    ax.set_ylim(len(table) - 0.5, -0.5)
    ax.grid(visible=False)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return sheet.figure


FIGURE = Drawing(
    "stability", "Claims and verdicts", "Stability of the verdicts", _caption, _alt, _draw
)
