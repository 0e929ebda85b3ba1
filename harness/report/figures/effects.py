"""Forest plot: main effects and where they hold, with one dot a seed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from harness.analysis.effects import NOT_ESTIMABLE
from harness.analysis.grid import AT_BASELINE
from harness.report.canvas import Layout, scale_as
from harness.report.drawing import Drawing
from harness.report.facets import left_out, ordered_factor, varying
from harness.report.lines import error_bars
from harness.report.names import fitting
from harness.report.source import Source
from harness.report.style import COLOURS, FAINT, INK
from harness.report.words import contrasted, difference, difference_interval, is_share

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROW = 0.185  # inches
MOST_ROWS = 48


def _caption(source: Source) -> str:
    primary = source.primary
    margin = f"{100 * primary.margin:g} pp" if is_share(primary) else (
        f"{primary.margin:g} {primary.unit}".strip()
    )  # fmt: skip
    drawn, every = _rows_drawn(source), source.effects["kind"].isin(source.kinds_drawn).sum()
    single = source.study.design == "one_at_a_time"
    where = (
        "all other factors at the baseline's levels (diamonds)" if single else
        "averaged over all other factors (diamonds), and within one level of another factor (discs)"
    )  # fmt: skip
    parts = (
        f"Difference in {primary.axis}: the level named first minus the baseline's, {where}. Small "
        "dots are the seeds, bars the intervals; left of zero is lower.",
        "In brackets: the number of combinations of the other factors averaged over, if not all."
        if source.study.partial and not single else "",
        source.about_seeds(),
        f"The grey band is ± {margin}, below which a difference is of no practical interest."
        if primary.margin else "",
        left_out(len(drawn), int(every), "the others are in the tables", "differences"),
        "Exploratory: not corrected for multiplicity.",
    )  # fmt: skip
    return " ".join(filter(None, parts))


def _alt(source: Source) -> str:
    main = source.effects[source.effects["kind"] == "main"]
    parts = [
        f"{row['factor']} {row['level']} against {row['versus']}: "
        f"{difference(source.primary, row['estimate'])} "
        f"({difference_interval(row['low'], row['high'], source.primary)})"
        for _, row in main.iterrows()
    ]
    return f"Forest plot. Main effects on {source.primary.axis}: {'; '.join(parts)}."


def _rows_drawn(source: Source) -> pd.DataFrame:
    """The effects drawn, in order: each main effect, then the same within other factors' levels."""
    table = source.effects[source.effects["kind"].isin(source.kinds_drawn)]
    stratum = ordered_factor(source.study)
    if stratum is not None and len(varying(source.study)) > 1:
        table = table[(table["factor"] != stratum) | (table["kind"] == "main")]
    if len(table) > MOST_ROWS:
        inside = table["where"].str.startswith(f"{stratum} ")
        table = table[(table["kind"] == "main") | inside]
    return table.head(MOST_ROWS).reset_index(drop=True)


def _draw(source: Source) -> Figure | None:
    """One row an effect, the first at the top: seeds, interval and estimate."""
    table, primary = _rows_drawn(source), source.primary
    if table.empty:
        return None
    names, left = fitting(_name(row) for _, row in table.iterrows())
    sheet = Layout(1, 1, height=ROW * (len(table) + 1), left=left).sheet()
    ax = sheet.axes[0]
    ax.axvspan(-primary.margin, primary.margin, color=FAINT, alpha=0.25, linewidth=0)
    ax.axvline(0, color=INK, linewidth=0.8)
    seeds = {str(name): rows["value"] for name, rows in source.seeds.groupby("id")}
    factors = list(dict.fromkeys(table["factor"]))
    for y, (_, row) in enumerate(table.iterrows()):
        colour, main = COLOURS[factors.index(row["factor"]) % 5], row["kind"] == "main"
        if main and y:
            ax.axhline(y - 0.5, color=FAINT, linewidth=0.4)
        if row["id"] in seeds:
            values = seeds[row["id"]]
            ax.plot(values, [y] * len(values), ".", color=colour, alpha=0.45, markersize=4)
        if pd.isna(row["estimate"]):
            why = "not estimable" if row["note"].startswith(NOT_ESTIMABLE) else "not testable"
            ax.annotate(why, (0, y), xytext=(4, 0), textcoords="offset points",
                        va="center", fontsize=7.5)  # fmt: skip
            continue
        ax.errorbar(
            row["estimate"], y, xerr=error_bars(table.iloc[[y]], "estimate"), color=colour,
            marker="D" if main else "o", markersize=5.5 if main else 3.6,
            linewidth=1.6 if main else 1.0, zorder=3,
        )  # fmt: skip
    ax.set_yticks(range(len(table)), names)
    for text, kind in zip(ax.get_yticklabels(), table["kind"], strict=True):
        text.set_fontweight("bold" if kind == "main" else "normal")
    ax.set_ylim(len(table) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="y", visible=False)
    ax.spines["left"].set_visible(False)
    scale_as(ax.xaxis, primary, change=True)
    ax.set_xlabel(f"difference in {primary.axis}")
    return sheet.figure


def _name(row: pd.Series) -> str:
    """Main effects in full, the others by where they are."""
    over = f" ({row['over'].removesuffix(' combinations')})"
    if row["over"] in ("", AT_BASELINE):  # what the figure's caption says of all
        over = ""
    if row["kind"] == "main":
        return f"{contrasted(row)}{over}"
    return f"with {row['where']}{over}"


FIGURE = Drawing("effects", "Effects", "Effects on the primary response", _caption, _alt, _draw)
