"""Small multiples of lines, one line a variant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.report.canvas import Layout, Sheet
from harness.report.facets import Facets, facets

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from harness.report.source import Source
    from harness.report.style import LineStyle


def multiples(source: Source, **layout: Any) -> tuple[Facets, Sheet]:
    """A study's small multiples, and a sheet for them with titles and legend."""
    shape = facets(source.study)
    height = 2.4 if len(shape.panels) <= 2 else 1.55
    sheet = Layout(len(shape.panels), shape.per_row, height=height, titled=shape.titled,
                   key=shape.key, **layout).sheet()  # fmt: skip
    for ax, panel in zip(sheet.axes, shape.panels, strict=True):
        ax.set_title(panel.title)
    return shape, sheet


def by_variant(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The rows of each variant."""
    return {str(name): rows for name, rows in table.groupby("variant", sort=False)}


def draw_line(ax: Axes, x: Any, rows: pd.DataFrame, style: LineStyle, marks: int) -> None:
    """One variant's means over x, with the band of its interval and about so many markers."""
    ax.plot(
        x, rows["mean"].to_numpy(), color=style.colour, linestyle=style.line, marker=style.marker,
        markevery=max(1, len(rows) // marks), markersize=3.2, markerfacecolor=style.fill,
    )  # fmt: skip
    if rows["low"].notna().any():
        ax.fill_between(x, rows["low"].to_numpy(), rows["high"].to_numpy(),
                        color=style.colour, alpha=0.15, linewidth=0)  # fmt: skip
