"""A quantity over the layers: small multiples, one line a variant."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

from harness.analysis.grid import cell_label
from harness.report.canvas import NAMES, RIGHT, Layout, Sheet, scale_log
from harness.report.drawing import Drawing
from harness.report.facets import Facets, facets
from harness.report.focus import Focus, about_focus, focus
from harness.report.lines import multiples
from harness.report.names import NameTicks, named, ordered_names
from harness.report.source import Source
from harness.report.words import rounded

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from harness.subjects.figures import LayerFigure


NARROWEST = 0.35  # width of a column, of the widest one's


def layer_drawing(declared: LayerFigure) -> Drawing:
    """A quantity over the layers, drawn as a subject declares it."""
    reference = declared.reference

    def rows(source: Source) -> pd.DataFrame:
        layers = source.data.layers
        return layers[(layers["quantity"] == declared.quantity) & (layers["when"] == declared.when)]

    def caption(source: Source) -> str:
        dotted = f"Dotted line: {reference.name}, {reference.meaning}." if reference else ""
        merged = "Layers are in the order of the forward pass, merged over all variants."
        parts = (declared.caption, merged if named(rows(source)) else "", dotted,
                 about_focus(enlarged(source)), source.about_seeds(),
                 facets(source.study).note)  # fmt: skip
        return " ".join(filter(None, parts))

    def alt(source: Source) -> str:
        ordered = rows(source).sort_values("mean", kind="stable")
        if ordered.empty:
            return f"{declared.title}."

        least, most = (
            f"{rounded(row['mean'], share=declared.share)} "
            f"({row['variant']}, {row['name'] or 'layer {}'.format(row['layer'])})"
            for row in (ordered.iloc[0], ordered.iloc[-1])
        )
        return f"{declared.title} ({declared.axis}): from {least} to {most}."

    def enlarged(source: Source) -> Focus | None:
        return None if declared.log else focus(rows(source)["mean"])

    def draw(source: Source) -> Figure | None:
        from harness.report.ticks import PlainTicks

        table, shape = rows(source), facets(source.study)
        if table.empty:
            return None
        lines = _named if named(table) else _numbered
        sheet = lines(source, shape, table, NAMES if reference else RIGHT)
        first = sheet.axes[0]
        if declared.share:
            tops = [ax.dataLim.ymax for ax in sheet.axes]
            top = max(filter(isfinite, tops), default=0.0)  # some variants may have no runs yet
            first.set_ylim(-0.03 * max(top, 0.1), max(1.08 * top, 0.1))
        if declared.log:
            scale_log(first, "y")
        else:
            sheet.put_focus(enlarged(source))
            first.yaxis.set_major_formatter(PlainTicks("%" if declared.share else ""))
        sheet.draw_references([reference] if reference else [], extend=True)
        sheet.label_outer("layer", declared.axis)
        return sheet.figure

    return Drawing(declared.name, declared.section, declared.title, caption, alt, draw)


def _named(source: Source, shape: Facets, table: pd.DataFrame, right: float) -> Sheet:
    """The lines over layers that have names, those of all variants in one order."""
    names = ordered_names(table, "layer")
    columns = Layout(len(shape.panels), shape.per_row, right=right).columns
    ticks = NameTicks.of(names, columns[0])
    table = table.assign(place=table["name"].map({name: i for i, name in enumerate(names)}))
    table = table.sort_values("place", kind="stable")
    sheet = multiples(source, shape, table, "place", len(names), right=right, bottom=ticks.room)
    for ax in sheet.axes:
        ticks.put_under(ax)
    return sheet


def _numbered(source: Source, shape: Facets, table: pd.DataFrame, right: float) -> Sheet:
    """The lines over numbered layers; columns of shallow networks are narrower than others."""
    from matplotlib.ticker import MaxNLocator

    depths = table.groupby("variant")["layer"].max()
    deepest = [
        max(depths.get(cell_label(source.study, cell), 1) for cell, _ in panel.cells)
        for panel in shape.panels
    ]
    columns = [deepest[i :: shape.per_row] for i in range(min(shape.per_row, len(deepest)))]
    alike = all(len(set(column)) == 1 for column in columns)
    sheet = multiples(
        source, shape, table, "layer", 10, right=right, share_x="column" if alike else "none",
        widths=tuple(max(*column, NARROWEST * max(deepest)) for column in columns),
    )  # fmt: skip
    for ax, depth in zip(sheet.axes, deepest, strict=True):
        ax.set_xlim(0.5, depth + 0.5)
        ax.xaxis.set_major_locator(MaxNLocator(min(6, depth), integer=True, min_n_ticks=1))
    return sheet
