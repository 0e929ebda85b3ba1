"""A curve over the steps: small multiples, one line a variant."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.analysis.grid import cell_label
from harness.report.canvas import NAMES, RIGHT, scale_as, scale_steps
from harness.report.drawing import Drawing
from harness.report.facets import facets
from harness.report.focus import Focus, about_focus, focus
from harness.report.lines import by_variant, multiples
from harness.report.source import Source

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from harness.subjects.figures import CurveFigure
    from harness.subjects.subject import Response

HEADROOM = 0.175  # above the cap, of the distance from the lowest value to the cap


def curve_drawing(declared: CurveFigure) -> Drawing:
    """A curve over the steps, drawn as a subject declares it."""

    def response(source: Source) -> Response | None:
        return source.study.response(declared.response) if declared.response else None

    def rows(source: Source) -> pd.DataFrame:
        curves = source.data.curves
        return curves[curves["metric"] == declared.metric]

    def enlarged(source: Source) -> Focus | None:
        """What is enlarged: of a curve from the first step on, nothing."""
        if declared.log_steps:
            return None
        means = rows(source)["mean"]
        ends = limits(source, means, response(source), up_to_cap=False)
        return focus(means.clip(*ends), ends)

    def caption(source: Source) -> str:
        leads_to = response(source)
        capped = leads_to is not None and source.cap(leads_to) is not None
        parts = (
            declared.caption,
            "The axis ends a little above the cap." if capped and declared.log_steps else "",
            about_focus(enlarged(source)),
            source.about_seeds(),
            source.about_references(leads_to) if leads_to else "",
            facets(source.study).note,
        )
        return " ".join(filter(None, parts))

    def alt(source: Source) -> str:
        label = source.study.model.curves[declared.metric].label.partition(" [")[0]
        log = ", on a logarithmic axis," if declared.log_steps else ""
        return (
            f"Curves of {label} against step{log} for {len(source.cells)} variants, in small "
            "multiples."
        )

    def draw(source: Source) -> Figure | None:
        runs, table = source.data.runs, rows(source)
        if table.empty:
            return None
        after = int(declared.log_steps)  # step 0 has no logarithm
        table = table.assign(step=table["step"] + after)
        leads_to = response(source)
        references = source.references(leads_to) if leads_to else []
        right = NAMES if references else RIGHT
        shape = facets(source.study)
        sheet = multiples(source, shape, table, "step", 6, right=right)
        low, high = limits(source, table["mean"], leads_to, up_to_cap=declared.log_steps)
        diverged = by_variant(runs[runs["outcome"] == "diverged"])
        for ax, panel in zip(sheet.axes, shape.panels, strict=True):
            for cell, style in panel.cells:
                name = cell_label(source.study, cell)
                for step in diverged[name]["diverged_step"] if name in diverged else ():
                    ax.plot([step + after], [high], "x", color=style.colour, clip_on=False,
                            markersize=5, markeredgewidth=1.5)  # fmt: skip
        sheet.axes[0].set_ylim(low, high)
        sheet.put_focus(enlarged(source))
        sheet.draw_references(references)
        scale_steps(sheet.axes[0], log=declared.log_steps)
        scale_as(sheet.axes[0].yaxis, leads_to)
        label = source.study.model.curves[declared.metric].label
        sheet.label_outer("step + 1" if declared.log_steps else "step", label)
        return sheet.figure

    return Drawing(declared.name, declared.section, declared.title, caption, alt, draw)


def limits(
    source: Source, values: pd.Series, response: Response | None, *, up_to_cap: bool
) -> tuple[float, float]:
    """The range drawn: all values and references, but at most a little above the cap.

    Args:
        source: the study's tables.
        values: what is drawn.
        response: whose references and cap are shown.
        up_to_cap: whether to go up to the cap even if no value does.
    """
    known = [one.value for one in source.references(response)] if response else []
    cap = source.cap(response) if response else None
    lowest = min([float(np.nanmin(values)), *known, *([] if cap is None else [cap])])
    highest = float(np.nanmax(values))
    reach = (highest if cap is None else cap) - lowest or 1.0
    top = highest + 0.035 * reach
    if cap is not None:
        ceiling = cap + HEADROOM * reach
        top = ceiling if up_to_cap else min(top, ceiling)
    return lowest - 0.03 * reach, top
