"""What the study answers: its claims about one response, each with interval and verdict."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import wrap
from typing import TYPE_CHECKING

import pandas as pd

from harness.analysis.verdicts import NOT_TESTABLE
from harness.errors import counted
from harness.report.canvas import RIGHT, Layout, scale_as
from harness.report.drawing import Drawing
from harness.report.source import Source
from harness.report.style import FAINT, INK
from harness.report.verdict_signs import colour_of, marked
from harness.report.words import claim_words, contrasted

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from harness.subjects.subject import Response

MOST_ROWS = 8  # more do not fit into a first screen
ROW = 0.3  # inches
LEFT, VERDICTS = 3.1, 1.5  # inches, for what is claimed and for the verdicts
LETTERS = 50  # of a line of what is claimed; it has two


@dataclass(frozen=True)
class Answer:
    """A row of the figure.

    Attributes:
        says: what is claimed, or compared.
        verdict: the word; "" where nothing was claimed.
        condition: what the verdict must not be read without.
        cells: the estimates, one a distinct cell.
        low, high: the interval, of several cells for the worst; NaN where there is none.
        claimed: the region claimed; None where nothing was.
    """

    says: str
    verdict: str
    condition: str
    cells: tuple[float, ...]
    low: float
    high: float
    claimed: tuple[float, float] | None


def answers(source: Source) -> list[Answer]:
    """The rows: the claims that share an axis with the first one on the primary response.

    Of a study without claims, or with none to be tested, the main effects.
    """
    table = _claims_shown(source)
    if table.empty:
        main = source.effects[(source.effects["kind"] == "main") & source.effects["n"].gt(0)]
        return [
            Answer(contrasted(row), "", "", (row["estimate"],), row["low"], row["high"], None)
            for _, row in main.iterrows()
        ]
    by_claim = source.claim_cells.groupby("id")["estimate"]
    cells = {str(name): tuple(estimates) for name, estimates in by_claim}
    return [_claimed(row, cells.get(row["id"], ())) for _, row in table.iterrows()]


def _claims_shown(source: Source) -> pd.DataFrame:
    """The claims that can be tested and share a response and a kind of number.

    Differences in the primary response if there are some, or else whatever the most claims share.
    """
    table = source.claims[source.claims["verdict"] != NOT_TESTABLE]
    absolute = table["kind"] == "threshold"
    primary = table[~absolute & (table["response"] == source.primary.name)]
    if len(primary) or table.empty:
        return primary
    axis = table["response"] + absolute.map({True: " as it is", False: ""})
    return table[axis == axis.value_counts(sort=False).idxmax()]


def _claimed(row: pd.Series, cells: tuple[float, ...]) -> Answer:
    """A claim's row; of an equivalence, sizes of differences."""
    bound, inf = row["bound"], float("inf")
    regions = {"lower": (-inf, bound), "higher": (bound, inf), "within": (-bound, bound)}
    if row["direction"] == "within":
        cells = tuple(map(abs, cells))
    return Answer(row["says"], row["verdict"], row["condition"], cells, row["low"], row["high"],
                  regions[row["direction"]])  # fmt: skip


def _caption(source: Source) -> str:
    table, rows, response = _claims_shown(source), answers(source), _response(source)
    if table.empty:
        parts = [
            f"Main effects on {response.axis}, averaged over all other factors: exploratory, "
            "because no claim is tested on them. Bars are 95 % intervals."
        ]
    else:
        of = "" if _absolute(source) else "differences in "
        parts = [
            f"Claims about {of}{response.axis}: a disc for each cell of a claim; the "
            "bar is the interval of the worst one. All intervals hold simultaneously. "
            "The tinted side is the claimed region."
        ]
        others = len(source.claims) - len(table)
        if others:
            parts.append(f"Shows {len(table)} of {counted(len(source.claims), 'claim')}: the "
                         "others are about other responses, or cannot be tested.")  # fmt: skip
        if "within" in set(table["direction"]):
            parts.append("For an equivalence, the size of the difference is drawn.")
    if len(rows) > MOST_ROWS:
        parts.append(f"Shows {MOST_ROWS} of {len(rows)}: the first ones.")
    return " ".join(parts)


def _alt(source: Source) -> str:
    response, said = _response(source), []
    show, between = claim_words("threshold" if _absolute(source) else "difference")
    for row in answers(source)[:MOST_ROWS]:
        found = between(row.low, row.high, response)
        if len(row.cells) == 1:
            found = f"{show(response, row.cells[0])} ({found})"
        words = (f"{row.verdict} {row.condition}".strip(), found)
        said.append(f"{row.says}: {', '.join(filter(None, words))}")
    return f"{'; '.join(said)}."


def _response(source: Source) -> Response:
    """Whose values, or differences, are on the axis."""
    table = _claims_shown(source)
    return source.study.response(None if table.empty else table.iloc[0]["response"])


def _absolute(source: Source) -> bool:
    """Whether the axis is of the response itself, not of differences in it."""
    table = _claims_shown(source)
    return not table.empty and bool(table.iloc[0]["kind"] == "threshold")


def _draw(source: Source) -> Figure | None:
    """One row a claim, the first at the top."""
    from matplotlib.ticker import MaxNLocator

    rows, response = answers(source)[:MOST_ROWS], _response(source)
    if not rows:
        return None
    tested = any(row.verdict for row in rows)
    right = VERDICTS if tested else RIGHT
    sheet = Layout(1, 1, height=ROW * len(rows) + 0.1, left=LEFT, right=right).sheet()
    ax = sheet.axes[0]
    if not _absolute(source):
        ax.axvspan(-response.margin, response.margin, color=FAINT, alpha=0.25, linewidth=0)
        ax.axvline(0, color=INK, linewidth=0.8)
    for y, row in enumerate(rows):
        colour = colour_of(row.verdict) if row.verdict else INK
        several = len(row.cells) > 1
        ax.plot(row.cells, [y] * len(row.cells), "o" if several else "D", color=colour,
                markersize=4 if several else 7, alpha=0.4 if several else 1,
                markeredgewidth=0)  # fmt: skip
        ax.plot([row.low, row.high], [y, y], "|-", color=colour, markersize=9, linewidth=2)
    ax.margins(x=0.08)
    low, high = ax.get_xlim()
    for y, row in enumerate(rows):
        if row.claimed:
            _tint(ax, y, max(low, row.claimed[0]), min(high, row.claimed[1]))
        if row.verdict:
            ax.annotate(
                marked(row.verdict), (1, y), (7, 3.5 * bool(row.condition)), va="center",
                xycoords=("axes fraction", "data"), textcoords="offset points", fontsize=8,
                fontweight="bold", color=colour_of(row.verdict),
            )  # fmt: skip
            ax.annotate(row.condition, (1, y), (19, -5.5), va="center", fontsize=6.5,
                        xycoords=("axes fraction", "data"),
                        textcoords="offset points")  # fmt: skip
    ax.set_xlim(low, high)
    ax.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    ax.set_ylim(len(rows) - 0.45, -0.55)
    ax.set_yticks(range(len(rows)), [_lines(row.says) for row in rows], fontsize=8)
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="y", visible=False)
    ax.spines["left"].set_visible(False)
    scale_as(ax.xaxis, response, change=not _absolute(source))
    ax.set_xlabel(response.axis if _absolute(source) else f"difference in {response.axis}")
    return sheet.figure


def _tint(ax: Axes, y: int, left: float, right: float) -> None:
    """Tint the region that a row claims."""
    ax.barh(y, right - left, 0.72, left=left, color=FAINT, alpha=0.13, linewidth=0, zorder=0)


def _lines(text: str) -> str:
    """A text in two lines at most."""
    return "\n".join(wrap(text, LETTERS, max_lines=2, placeholder=" …"))


FIGURE = Drawing("answer", "Bottom line", "What the claims came to", _caption, _alt, _draw)
