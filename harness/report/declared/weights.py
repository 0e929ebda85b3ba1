"""A quantity of each weight over the steps: one plot a variant, for a few variants."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.report.canvas import NAMES, RIGHT, Layout, scale_steps
from harness.report.drawing import Drawing
from harness.report.facets import examples
from harness.report.lines import by_variant
from harness.report.source import Source
from harness.report.style import COLOURS, DASHED, LineStyle, ramp

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from harness.subjects.figures import WeightFigure


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
        last = rows(source).groupby("variant")["mean"].last()
        known = {name: what for name, what in examples(source.study).items() if name in last}
        ends = "; ".join(f"{what} {last[name]:.1f}" for name, what in known.items())
        return f"{declared.title} over the steps. Last weight at the end: {ends}."

    def draw(source: Source) -> Figure | None:
        groups = by_variant(rows(source))
        shown = {name: what for name, what in examples(source.study).items() if name in groups}
        if not shown:
            return None
        apart = LineStyle(COLOURS[1], "", DASHED)
        named = zip(("first weight", "between", "last weight"), ramp(3), strict=True)
        sheet = Layout(
            len(shown), min(3, len(shown)), right=NAMES if reference else RIGHT,
            key=(*([(declared.apart, apart)] if declared.apart else []),
                 *((name, LineStyle(colour, "", "-")) for name, colour in named)),
        ).sheet()  # fmt: skip
        for ax, (name, what) in zip(sheet.axes, shown.items(), strict=True):
            weights = list(groups[name].groupby("weight"))
            others = len(weights) - bool(declared.apart)
            styles = [LineStyle(colour, "", "-") for colour in ramp(others)]
            if declared.apart:
                styles.insert(0, apart)
            for (_, points), style in zip(weights, styles, strict=True):
                ax.plot(points["step"].to_numpy(), points["mean"].to_numpy(), linewidth=1.1,
                        color=style.colour, linestyle=style.line)  # fmt: skip
            ax.set_title(what, fontsize=8)
        sheet.draw_references([reference] if reference else [], extend=True)
        scale_steps(sheet.axes[0])
        sheet.label_outer("step", declared.axis)
        return sheet.figure

    return Drawing(declared.name, declared.section, declared.title, caption, alt, draw)
