"""A quantity of each weight over the steps: one plot a variant, for a few variants."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.report.canvas import NAMES, RIGHT, Layout, scale_as, scale_steps
from harness.report.drawing import Drawing
from harness.report.facets import examples, spread
from harness.report.lines import by_variant
from harness.report.names import named, ordered_names, short_names
from harness.report.source import Source
from harness.report.style import COLOURS, DASHED, LineStyle, ramp
from harness.report.words import number

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from harness.subjects.figures import WeightFigure

MOST_KEYS = 12  # names in the legend; the colours of others lie between


def weight_drawing(declared: WeightFigure) -> Drawing:
    """A quantity of the weights over the steps, drawn as a subject declares it."""
    reference = declared.reference

    def rows(source: Source) -> pd.DataFrame:
        return source.data.weights[source.data.weights["quantity"] == declared.quantity]

    def caption(source: Source) -> str:
        dotted = f"Dotted line: {reference.name}, {reference.meaning}." if reference else ""
        shown = f"Shown for: {'; '.join(examples(source.study).values())}."
        return " ".join(filter(None, (declared.caption, dotted, shown)))

    def alt(source: Source) -> str:
        last = rows(source).groupby("variant")[["mean", "name"]].last()
        ends = []
        for variant, what in examples(source.study).items():
            if variant in last.index:
                name = last["name"][variant]
                end = number(last["mean"][variant], 1)
                ends.append(f"{what} {end}" + (f" ({name})" if name else ""))
        return f"{declared.title} over the steps. Last weight at the end: {'; '.join(ends)}."

    def draw(source: Source) -> Figure | None:
        table = rows(source)
        groups = by_variant(table)
        shown = {name: what for name, what in examples(source.study).items() if name in groups}
        if not shown:
            return None
        apart = LineStyle(COLOURS[1], "", DASHED)
        coloured = table[table["variant"].isin(list(shown))]
        if declared.apart:
            coloured = coloured[coloured["weight"] > 0]
        names = ordered_names(coloured, "weight") if named(coloured) else []
        colours = dict(zip(names, ramp(len(names)), strict=True))
        sheet = Layout(
            len(shown), min(3, len(shown)), right=NAMES if reference else RIGHT,
            titles=tuple(shown.values()),
            key=(*([(declared.apart, apart)] if declared.apart else []), *_key(colours)),
        ).sheet()  # fmt: skip
        for ax, variant in zip(sheet.axes, shown, strict=True):
            weights = list(groups[variant].groupby(["weight", "name"]))
            styles = [apart] if declared.apart else []
            inside = [str(name) for (_, name), _ in weights[len(styles) :]]
            of_inside = [colours[name] for name in inside] if names else ramp(len(inside))
            styles += [_solid(colour) for colour in of_inside]
            for (_, points), style in zip(weights, styles, strict=True):
                ax.plot(points["step"].to_numpy(), points["mean"].to_numpy(), linewidth=1.1,
                        color=style.colour, linestyle=style.line)  # fmt: skip
        sheet.draw_references([reference] if reference else [], extend=True)
        scale_steps(sheet.axes[0])
        scale_as(sheet.axes[0].yaxis, None)
        sheet.label_outer("step", declared.axis)
        return sheet.figure

    return Drawing(declared.name, declared.section, declared.title, caption, alt, draw)


def _key(colours: dict[str, str]) -> list[tuple[str, LineStyle]]:
    """The legend of coloured names, or of the colours' order where weights are just numbered."""
    if not colours:
        places = ("first weight", "between", "last weight")
        return [(place, _solid(colour)) for place, colour in zip(places, ramp(3), strict=True)]
    labels = short_names([name.removesuffix(".weight") for name in colours])
    entries = zip(labels, colours.values(), strict=True)
    return [(label, _solid(colour)) for label, colour in spread(list(entries), MOST_KEYS)]


def _solid(colour: str) -> LineStyle:
    return LineStyle(colour, "", "-")
