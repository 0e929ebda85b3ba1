"""Histograms by layer at the first and the last minibatch, for a few variants."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.report.canvas import Layout, mark_missing, scale_as
from harness.report.drawing import Drawing
from harness.report.facets import examples
from harness.report.source import Source
from harness.report.style import LineStyle, ramp

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from harness.subjects.figures import HistogramFigure

PHASES = {"init": "first minibatch", "last": "last minibatch"}
MOST_VARIANTS = 5
LINES = ("-", "--", ":")  # of the first, a middle and the last layer


def histogram_drawing(declared: HistogramFigure) -> Drawing:
    """Histograms by layer, drawn as a subject declares them."""

    def caption(source: Source) -> str:  # noqa: ARG001 - every caption takes the source
        return (
            f"{declared.caption} Training mode, each variant's first seed; the first, a middle and "
            "the last layer. A row each for the baseline, single changes from it, and the bare "
            "variant."
        )

    def alt(source: Source) -> str:
        return f"Histograms. {declared.title}, by layer, for: {', '.join(shown(source).values())}."

    def shown(source: Source) -> dict[str, str]:
        """What each variant drawn is, by its name; the last one, usually bare, is among them."""
        table = source.data.histograms
        known = set(table.loc[table["kind"] == declared.kind, "variant"])
        found = [(name, what) for name, what in examples(source.study).items() if name in known]
        if len(found) > MOST_VARIANTS:
            found = [*found[: MOST_VARIANTS - 1], found[-1]]
        return dict(found)

    def draw(source: Source) -> Figure | None:
        variants = shown(source)
        if not variants:
            return None
        table = source.data.histograms
        table = table[table["kind"] == declared.kind]
        styles = [LineStyle(*style) for style in zip(ramp(3), ("",) * 3, LINES, strict=True)]
        names = ("first layer", "middle layer", "last layer")
        widest = table[table["variant"].isin(list(variants))].groupby(["variant", "when"])["right"]
        alike = len(widest) == 2 * len(variants) and widest.max().nunique() == 1
        sheet = Layout(
            2 * len(variants), 2, height=1.15, bottom=0.4, gap=0.5,
            share_x="all" if alike else "none", share_y=False,
            titles=tuple(f"{what}: {words}" for what in variants.values()
                         for words in PHASES.values()),
            key=tuple(zip(names, styles, strict=True)),
        ).sheet()  # fmt: skip
        plots = iter(sheet.axes)
        for name in variants:
            for when in PHASES:
                ax = next(plots)
                rows = table[(table["variant"] == name) & (table["when"] == when)]
                if rows.empty:
                    mark_missing(ax, "diverged before")
                else:
                    _plot(ax, rows, styles)
        sheet.label_outer("", "density")
        for ax in sheet.axes[-2:]:
            ax.set_xlabel(declared.axis, labelpad=1)
        return sheet.figure

    return Drawing(declared.name, declared.section, declared.title, caption, alt, draw)


def _plot(ax: Axes, rows: pd.DataFrame, styles: list[LineStyle]) -> None:
    """One histogram a layer, as densities; rows are bins, styles those of the three layers."""
    from matplotlib.ticker import MaxNLocator

    layers = [bins for _, bins in rows.groupby("layer")]
    for i, bins in enumerate(layers):
        style = styles[0 if i == 0 else 2 if i == len(layers) - 1 else 1]
        left, right = bins["left"].to_numpy(), bins["right"].to_numpy()
        share = bins["count"].to_numpy() / max(1.0, float(bins["count"].sum()))
        ax.stairs(share / (right - left), np.append(left, right[-1]), color=style.colour,
                  linestyle=style.line, linewidth=1.2)  # fmt: skip
    ax.locator_params(axis="y", nbins=3)
    ax.xaxis.set_major_locator(MaxNLocator(5))
    for axis in (ax.xaxis, ax.yaxis):
        scale_as(axis, None)
    ax.set_ylim(bottom=0)
