"""Forest plot: main effects and where they hold, with one dot a seed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from harness.claims import DEFAULT_MARGIN
from harness.report.canvas import sheet
from harness.report.facets import ordered_factor, varying
from harness.report.source import Source, seeds_in_words
from harness.report.style import COLOURS, FAINT, INK
from harness.report.words import difference, difference_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SECTION = "effects"
TITLE = "Effects on the primary response"
ROW = 0.185  # inches
MOST_ROWS = 48
LEFT = 2.55  # inches, for the labels


def caption(source: Source) -> str:
    """What is drawn."""
    margin = (
        f" The grey band is ± {DEFAULT_MARGIN} nats, below which a difference is of no practical "
        "interest."
        if in_nats(source)
        else ""
    )
    return (
        f"Difference in {source.primary_label}: the level named first minus the baseline's, "
        "averaged over all other factors (diamonds), and within one level of another factor "
        "(discs). Small dots are the seeds, bars the intervals; left of zero means lower. "
        f"{seeds_in_words(source)}{margin}{left_out(source)} Exploratory: not corrected for how "
        "many there are."
    )


def alt(source: Source) -> str:
    """What it shows, in words."""
    main = source.effects[source.effects["kind"] == "main"]
    parts = [
        f"{row['factor']} {row['level']} against {row['versus']}: "
        f"{difference(source.primary, row['estimate'])} "
        f"({difference_interval(row['low'], row['high'], source.primary)})"
        for _, row in main.iterrows()
    ]
    return f"Forest plot. Main effects on {source.primary_label}: {'; '.join(parts)}."


def rows_shown(source: Source) -> pd.DataFrame:
    """The effects drawn, in order: each main effect, then the same within other factors' levels."""
    table = source.effects[source.effects["kind"].isin(source.shown_kinds)]
    stratum = ordered_factor(source.study)
    if stratum is not None and len(varying(source.study)) > 1:
        table = table[(table["factor"] != stratum) | (table["kind"] == "main")]
    if len(table) > MOST_ROWS:
        inside = table["where"].str.startswith(f"{stratum} ")
        table = table[(table["kind"] == "main") | inside]
    return table.head(MOST_ROWS).reset_index(drop=True)


def left_out(source: Source) -> str:
    """A remark where not all effects of the shown kinds are drawn."""
    left = int(source.effects["kind"].isin(source.shown_kinds).sum()) - len(rows_shown(source))
    return f" {left} more are in the tables." if left else ""


def in_nats(source: Source) -> bool:
    """Whether the primary response is a loss, for which the usual margin is meant."""
    return "[nats]" in source.primary_label


def draw(source: Source) -> Figure | None:
    """One row an effect, the first at the top."""
    table = rows_shown(source)
    if table.empty:
        return None
    height = ROW * (len(table) + 1)
    made = sheet(1, 1, height=height, left=LEFT, titled=False)
    ax = made.axes[0]
    if in_nats(source):
        ax.axvspan(-DEFAULT_MARGIN, DEFAULT_MARGIN, color=FAINT, alpha=0.25, linewidth=0)
    ax.axvline(0, color=INK, linewidth=0.8)
    dots = {str(name): rows["value"] for name, rows in source.seeds.groupby("id")}
    factors = list(dict.fromkeys(table["factor"]))
    for y, (_, row) in enumerate(table.iterrows()):
        draw_row(ax, y, row, dots.get(row["id"]), COLOURS[factors.index(row["factor"]) % 5])
    label_rows(ax, table)
    ax.set_xlabel(f"difference in {source.primary_label}")
    return made.figure


def draw_row(ax: Axes, y: int, row: pd.Series, dots: pd.Series | None, colour: str) -> None:
    """Seeds, interval and estimate of one effect, or why there is none."""
    if dots is not None:
        ax.plot(dots, [y] * len(dots), ".", color=colour, alpha=0.45, markersize=4, zorder=2)
    if pd.isna(row["estimate"]):
        ax.annotate("not testable", (0, y), xytext=(4, 0), textcoords="offset points",
                    va="center", fontsize=7.5)  # fmt: skip
        return
    error = None if pd.isna(row["low"]) else [
        [row["estimate"] - row["low"]], [row["high"] - row["estimate"]]
    ]  # fmt: skip
    main = row["kind"] == "main"
    marker, size, width = ("D", 5.5, 1.6) if main else ("o", 3.6, 1.0)
    ax.errorbar(row["estimate"], y, xerr=error, color=colour, marker=marker, markersize=size,
                linewidth=width, zorder=3)  # fmt: skip


def label_rows(ax: Axes, table: pd.DataFrame) -> None:
    """Main effects named in full, the others by where they are, a little further in."""
    ax.set_yticks(range(len(table)), [name_of(row) for _, row in table.iterrows()])
    for text, kind in zip(ax.get_yticklabels(), table["kind"], strict=True):
        text.set_fontweight("bold" if kind == "main" else "normal")
    ax.set_ylim(len(table) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="y", visible=False)
    ax.spines["left"].set_visible(False)
    for y in range(1, len(table)):
        if table["kind"][y] == "main":
            ax.axhline(y - 0.5, color=FAINT, linewidth=0.4)


def name_of(row: pd.Series) -> str:
    """The effect in the words of the plot's margin."""
    if row["kind"] == "main":
        return f"{row['factor']}: {row['level']} − {row['versus']}"
    return f"with {row['where']}"
