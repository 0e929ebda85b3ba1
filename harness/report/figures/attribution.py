"""Attribution from bare to baseline, by three ways of counting."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from harness.report.canvas import sheet
from harness.report.source import Source, seeds_in_words
from harness.report.style import COLOURS, INK, MARKERS, Look
from harness.report.words import difference

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SECTION = "attribution"
TITLE = "Which part carries how far"
METHODS = ("add-one-in", "shapley", "leave-one-out")
MOST_STRATA = 12


def caption(source: Source) -> str:
    """What is drawn."""
    return (
        f"Change in {source.primary_label} that each part brings on the way from the bare variant "
        "to the baseline: added alone to the bare one (add-one-in), averaged over all orders of "
        "adding (Shapley; these sum to baseline − bare), and as the last one added "
        "(leave-one-out). Left of zero the part lowers it. Where the three differ, what a part "
        f"is worth depends on the others. {seeds_in_words(source)}{left_out(source)}"
    )


def left_out(source: Source) -> str:
    """What to say where there are too many strata to draw."""
    if source.attribution["stratum"].nunique() <= MOST_STRATA:
        return ""
    return f" Drawn for the first {MOST_STRATA} strata; the table has all."


def alt(source: Source) -> str:
    """What it shows, in words."""
    table = source.attribution
    table = table[table["method"] == "shapley"]
    parts = [
        f"{row['factor']}{' at ' * bool(row['stratum'])}{row['stratum']} "
        f"{difference(source.primary, row['estimate'])}"
        for _, row in table.iterrows()
    ]
    return f"Shapley shares of the change in {source.primary_label}: {'; '.join(parts)}."


def draw(source: Source) -> Figure | None:
    """One plot a stratum, one row a part."""
    table = source.attribution[source.attribution["method"].isin(METHODS)]
    strata = list(dict.fromkeys(table["stratum"]))[:MOST_STRATA]
    factors = list(dict.fromkeys(table["factor"]))
    if len(factors) < 2 or not table["estimate"].notna().any():
        return None  # a single part's share is its effect, which has its own figure
    key = [(name, Look(COLOURS[i], MARKERS[i], "none")) for i, name in enumerate(METHODS)]
    left = 0.35 + 0.075 * max(len(name) for name in factors)
    made = sheet(len(strata), min(3, len(strata)), height=0.3 + 0.42 * len(factors), left=left,
                 titled=strata != [""], key=key)  # fmt: skip
    for ax, stratum in zip(made.axes, strata, strict=True):
        ax.set_title(stratum)
        ax.axvline(0, color=INK, linewidth=0.8)
        ax.grid(axis="y", visible=False)
        draw_stratum(ax, table[table["stratum"] == stratum], factors)
    made.axes[0].set_yticks(range(len(factors)), factors)
    made.axes[0].set_ylim(len(factors) - 0.45, -0.55)
    made.axes[0].locator_params(axis="x", nbins=4)
    made.outer("", "")
    unit = (
        "change " + source.primary_label[source.primary_label.find("[") :]
        if in_unit(source)
        else "change"
    )
    for ax in made.axes[-made.per_row :]:
        ax.set_xlabel(unit)
    return made.figure


def in_unit(source: Source) -> bool:
    """Whether the primary response has a unit."""
    return "[" in source.primary_label


def draw_stratum(ax: Axes, table: pd.DataFrame, factors: list[str]) -> None:
    """The three ways of counting, one under another, for each part."""
    for i, method in enumerate(METHODS):
        rows = table[(table["method"] == method) & table["estimate"].notna()]
        y = [factors.index(name) + 0.22 * (i - 1) for name in rows["factor"]]
        estimate = rows["estimate"].to_numpy()
        error = [estimate - rows["low"].to_numpy(), rows["high"].to_numpy() - estimate]
        ax.errorbar(estimate, y, xerr=None if rows["low"].isna().any() else error,
                    linestyle="none", color=COLOURS[i], marker=MARKERS[i], linewidth=1)  # fmt: skip
