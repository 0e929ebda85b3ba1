"""A quantity over the layers: small multiples, one line a variant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.report.canvas import NAMES, RIGHT, Layout, scale_log
from harness.report.drawing import Drawing
from harness.report.facets import facets
from harness.report.lines import multiples
from harness.report.names import NameTicks, named, ordered_names
from harness.report.source import Source

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from harness.subjects.figures import LayerFigure


def layer_drawing(declared: LayerFigure) -> Drawing:
    """A quantity over the layers, drawn as a subject declares it."""
    reference = declared.reference

    def rows(source: Source) -> pd.DataFrame:
        layers = source.data.layers
        return layers[(layers["quantity"] == declared.quantity) & (layers["when"] == declared.when)]

    def caption(source: Source) -> str:
        dotted = f"Dotted line: {reference.name}, {reference.meaning}." if reference else ""
        merged = "Layers stand in the order of the forward pass, those of all variants merged."
        parts = (declared.caption, merged if named(rows(source)) else "", dotted,
                 source.about_seeds(), facets(source.study).note)  # fmt: skip
        return " ".join(filter(None, parts))

    def alt(source: Source) -> str:
        ordered = rows(source).sort_values("mean", kind="stable")
        if ordered.empty:
            return f"{declared.title}."
        least, most = (
            f"{row['mean']:{'.1%' if declared.share else '.2g'}} "
            f"({row['variant']}, {row['name'] or 'layer {}'.format(row['layer'])})"
            for row in (ordered.iloc[0], ordered.iloc[-1])
        )
        return f"{declared.title} ({declared.axis}): from {least} to {most}."

    def draw(source: Source) -> Figure | None:
        from matplotlib.ticker import MaxNLocator, PercentFormatter

        table = rows(source)
        if table.empty:
            return None
        right = NAMES if reference else RIGHT
        if named(table):
            shape, names = facets(source.study), ordered_names(table, "layer")
            width = Layout(len(shape.panels), shape.per_row, right=right).width
            ticks = NameTicks.of(names, width)
            table = table.assign(place=table["name"].map({n: i for i, n in enumerate(names)}))
            table = table.sort_values("place", kind="stable")
            _, sheet = multiples(source, table, "place", len(names), right=right, bottom=ticks.room)
            for ax in sheet.axes:
                ticks.put_under(ax)
        else:
            depths = table.groupby("variant")["layer"].max()
            _, sheet = multiples(
                source, table, "layer", 10, right=right, share_x=depths.nunique() == 1
            )
            for ax in sheet.axes:
                ax.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
        first = sheet.axes[0]
        if declared.log:
            scale_log(first, "y")
        if declared.share:
            first.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
            top = max(ax.dataLim.ymax for ax in sheet.axes)
            first.set_ylim(-0.03 * max(top, 0.1), max(1.08 * top, 0.1))
        sheet.draw_references([reference] if reference else [], extend=True)
        sheet.label_outer("layer", declared.axis)
        return sheet.figure

    return Drawing(declared.name, declared.section, declared.title, caption, alt, draw)
