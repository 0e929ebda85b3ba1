"""A quantity over layers, variants and steps: one map a step, one row a variant."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from harness.report.canvas import Layout
from harness.report.drawing import Drawing
from harness.report.facets import left_out, spread
from harness.report.names import SIZE, NameTicks, fitting, named, ordered_names
from harness.report.source import Source
from harness.report.style import HEAT, LineStyle
from harness.report.words import rounded

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from harness.subjects.figures import HeatFigure

MOST_ROWS = 72  # variants
ROW = 0.13  # inches
SHARES = (0.0, 0.05, 0.2, 0.5, 1.0)  # whose colours the legend shows


def heat_drawing(declared: HeatFigure) -> Drawing:
    """A quantity over layers, variants and steps, drawn as a subject declares it."""

    def rows(source: Source) -> pd.DataFrame:
        probes = source.data.probes
        return probes[probes["quantity"] == declared.quantity]

    def variants(source: Source) -> list[str]:
        """Those drawn."""
        return list(spread(list(dict.fromkeys(rows(source)["variant"])), MOST_ROWS))

    def caption(source: Source) -> str:
        every = rows(source)["variant"].nunique()
        parts = (
            declared.caption,
            "A row for each variant, a column for each layer from the first on, a map for each of "
            "a few steps: mean over the seeds still training. Empty: no such layer, or no such "
            "seed.",
            "Colours are on a square-root scale." if declared.share else "",
            left_out(len(variants(source)), every, "evenly spread over all"),
        )
        return " ".join(filter(None, parts))

    def alt(source: Source) -> str:
        means = rows(source).groupby(["step", "variant"], as_index=False)["mean"].mean()
        said = []
        for step, of in means.groupby("step"):
            least, most = of.loc[of["mean"].idxmin()], of.loc[of["mean"].idxmax()]
            low, high = (rounded(one["mean"], share=declared.share) for one in (least, most))
            said.append(f"step {step:,} from {low} ({least['variant']}) to {high} "
                        f"({most['variant']})")  # fmt: skip
        return f"{declared.title}, mean over the layers: {'; '.join(said)}."

    def draw(source: Source) -> Figure | None:
        from matplotlib.colors import FuncNorm, LinearSegmentedColormap, Normalize, to_hex

        from harness.report.ticks import PlainTicks

        table, shown = rows(source), variants(source)
        if table.empty:
            return None
        low, high = (0.0, 1.0) if declared.share else (table["mean"].min(), table["mean"].max())
        norm = Normalize(low, high)
        if declared.share:
            norm = FuncNorm((np.sqrt, np.square), low, high)
        colours = LinearSegmentedColormap.from_list("heat", HEAT)
        marks = SHARES if declared.share else np.linspace(low, high, len(SHARES)).tolist()
        key: list[tuple[str, LineStyle | None]] = [(declared.axis, None)]
        texts = PlainTicks("%" if declared.share else "").format_ticks(marks)
        key += [(text, LineStyle(to_hex(colours(norm(mark))), "s", "none"))
                for text, mark in zip(texts, marks, strict=True)]  # fmt: skip
        steps, places = sorted(table["step"].unique()), _places(table)
        labels, left = fitting(shown)
        layout = Layout(
            len(steps), len(steps), height=ROW * len(shown), left=left, gap=0.08, key=tuple(key),
            titles=tuple(f"step {step:,}" for step in steps),
        )  # fmt: skip
        ticks = NameTicks.of(list(places), layout.columns[0])
        sheet = replace(layout, bottom=ticks.room).sheet()
        for ax, step in zip(sheet.axes, steps, strict=True):
            cells = np.full((len(shown), len(places)), np.nan)  # (variants, layers)
            there = table[(table["step"] == step) & table["variant"].isin(shown)]
            down = there["variant"].map({variant: i for i, variant in enumerate(shown)})
            across = _layer_names(there).map({name: i for i, name in enumerate(places)})
            cells[down, across] = there["mean"]
            ax.imshow(cells, colours, norm, aspect="auto", interpolation="none")
            ticks.put_under(ax)
            ax.grid(visible=False)
            ax.tick_params(axis="y", length=0)
        sheet.axes[0].set_yticks(range(len(shown)), labels, fontsize=SIZE)
        sheet.label_outer("layer", "")
        return sheet.figure

    return Drawing(declared.name, declared.section, declared.title, caption, alt, draw)


def _places(table: pd.DataFrame) -> list[str]:
    """The layers' names in order, or their numbers where they have none."""
    if named(table):
        return ordered_names(table, "layer")
    return [str(layer) for layer in sorted(table["layer"].unique())]


def _layer_names(table: pd.DataFrame) -> pd.Series:
    return table["name"] if named(table) else table["layer"].astype("str")
