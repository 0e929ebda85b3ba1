"""Lines and points with their intervals, and small multiples of lines, one line a variant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.analysis.grid import cell_label
from harness.report.canvas import Layout, Sheet
from harness.report.facets import Facets
from harness.report.marks import level_names, mark_rest

if TYPE_CHECKING:
    import pandas as pd

    from harness.analysis.intervals import Array
    from harness.report.source import Source


def multiples(
    source: Source, shape: Facets, table: pd.DataFrame, x: str, marks: int, **layout: Any
) -> Sheet:
    """A study's small multiples: each variant's means over x, with the band of their intervals.

    Args:
        source: knows the variants.
        shape: the panels.
        table: variant, x, mean, low, high.
        x: name of the column along the axis.
        marks: markers on a line, roughly.
        layout: of the sheet, where it matters.
    """
    groups = by_variant(table)
    drawn = {style for panel in shape.panels for cell, style in panel.cells
             if cell_label(source.study, cell) in groups}  # fmt: skip
    height = 2.4 if len(shape.panels) <= 2 else 1.55
    sheet = Layout(len(shape.panels), shape.per_row, height=height, titles=shape.titles,
                   key=shape.key_of(drawn), **layout).sheet()  # fmt: skip
    for ax, panel in zip(sheet.axes, shape.panels, strict=True):
        for cell, style in panel.cells:
            rows = groups.get(cell_label(source.study, cell))
            if rows is None:
                continue
            places, low, high = (rows[column].to_numpy() for column in (x, "low", "high"))
            ax.plot(
                places, rows["mean"].to_numpy(), color=style.colour, linestyle=style.line,
                marker=style.marker, markevery=max(1, len(rows) // marks), markersize=3.2,
                markerfacecolor=style.fill,
            )  # fmt: skip
            if rows["low"].notna().any():
                ax.fill_between(places, low, high, color=style.colour, alpha=0.15, linewidth=0)
            mark_rest(ax, level_names(source.study, cell))
    return sheet


def error_bars(rows: pd.DataFrame, middle: str = "mean") -> list[Array] | None:
    """How far below and above the middle each row's interval reaches, as `errorbar` takes it.

    A row without an interval, as of one seed, has NaN; None where no row has one.
    """
    if rows["low"].isna().all():
        return None
    at = rows[middle].to_numpy()
    return [at - rows["low"].to_numpy(), rows["high"].to_numpy() - at]


def by_variant(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The rows of each variant."""
    return {str(name): rows for name, rows in table.groupby("variant", sort=False)}
