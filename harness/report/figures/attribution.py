"""Attribution from bare to baseline, by three ways of counting."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.analysis.effects import NOT_ESTIMABLE
from harness.report.canvas import Layout, scale_as
from harness.report.drawing import Drawing
from harness.report.facets import left_out
from harness.report.lines import error_bars
from harness.report.marks import mark
from harness.report.source import Source
from harness.report.style import COLOURS, INK, MARKERS, LineStyle
from harness.report.words import difference

if TYPE_CHECKING:
    from matplotlib.figure import Figure

METHODS = ("add-one-in", "shapley", "leave-one-out")
MOST_STRATA = 12


def _caption(source: Source) -> str:
    strata = source.attribution["stratum"].nunique()
    lacking = source.attribution["note"].str.startswith(NOT_ESTIMABLE).any()
    parts = (
        f"Change in {source.primary.axis} by each part, from the bare variant to the baseline: "
        "added alone to the bare variant (add-one-in), averaged over all orders of adding the "
        "parts (Shapley; these sum to baseline − bare), and added last (leave-one-out). Left of "
        "zero, the part lowers the response. If the three differ, the effect of a part depends on "
        "the others.",
        "Changes that need variants outside the grid are not drawn." if lacking else "",
        source.about_seeds(),
        left_out(MOST_STRATA, strata, "the first ones", "strata"),
    )
    return " ".join(filter(None, parts))


def _alt(source: Source) -> str:
    table = source.attribution
    table = table[(table["method"] == "shapley") & table["estimate"].notna()]
    parts = [
        f"{row['factor']}{' at ' * bool(row['stratum'])}{row['stratum']} "
        f"{difference(source.primary, row['estimate'])}"
        for _, row in table.iterrows()
    ]
    if not parts:
        return f"Shares of the change in {source.primary.axis}, without Shapley values."
    return f"Shapley values in {source.primary.axis}: {'; '.join(parts)}."


def _draw(source: Source) -> Figure | None:
    """One plot a stratum, one row a part, and in it the three ways of counting."""
    table = source.attribution[source.attribution["method"].isin(METHODS)]
    strata = list(dict.fromkeys(table["stratum"]))[:MOST_STRATA]
    factors = list(dict.fromkeys(table["factor"]))
    if len(factors) < 2 or not table["estimate"].any():
        return None  # a single part's share is its effect, which has its own figure; 0 is no change
    known = set(table["method"][table["estimate"].notna()])
    styles = {method: LineStyle(COLOURS[i], MARKERS[i], "none")
              for i, method in enumerate(METHODS) if method in known}  # fmt: skip
    sheet = Layout(
        len(strata), min(3, len(strata)), height=0.3 + 0.42 * len(factors),
        left=0.35 + 0.075 * max(map(len, factors)), titles=() if strata == [""] else tuple(strata),
        key=tuple(styles.items()),
    ).sheet()  # fmt: skip
    for ax, stratum in zip(sheet.axes, strata, strict=True):
        ax.axvline(0, color=INK, linewidth=0.8)
        ax.grid(axis="y", visible=False)
        for i, (method, style) in enumerate(styles.items()):
            rows = table[(table["stratum"] == stratum) & (table["method"] == method)]
            rows = rows[rows["estimate"].notna()]
            y = [factors.index(name) + 0.22 * (i - 1) for name in rows["factor"]]
            bars = ax.errorbar(
                rows["estimate"].to_numpy(), y, xerr=error_bars(rows, "estimate"), linewidth=1,
                linestyle="none", color=style.colour, marker=style.marker,
            )  # fmt: skip
            for part in bars.get_children():
                mark(part, of=[method])
    first, unit = sheet.axes[0], source.primary.unit
    first.set_yticks(range(len(factors)), factors)
    first.set_ylim(len(factors) - 0.45, -0.55)
    first.locator_params(axis="x", nbins=4)
    scale_as(first.xaxis, source.primary, change=True)
    sheet.label_outer(f"change [{unit}]" if unit not in ("", "share") else "change", "")
    return sheet.figure


FIGURE = Drawing(
    "attribution", "Attribution", "Change that each part brings", _caption, _alt, _draw
)
