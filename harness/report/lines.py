"""Small multiples of lines: curves over steps, and profiles over layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from harness.report.canvas import NAMES, RIGHT, Sheet, log_ticks, sheet
from harness.report.facets import Facets, facets

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from harness.report.source import Source
    from harness.report.style import Look

HEADROOM = 0.25  # nats above ln(vocabulary) that figures of losses show


def by_variant(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The rows of each variant."""
    return {str(name): rows for name, rows in table.groupby("variant", sort=False)}


def panels(source: Source, **options: Any) -> tuple[Facets, Sheet]:
    """A study's small multiples and an empty sheet for them."""
    shape = facets(source.study)
    titled = any(panel.title for panel in shape.panels)
    height = 2.4 if len(shape.panels) <= 2 else 1.55
    made = sheet(len(shape.panels), shape.per_row, height=height, titled=titled, key=shape.keys(),
                 **options)  # fmt: skip
    for ax, panel in zip(made.axes, shape.panels, strict=True):
        ax.set_title(panel.title)
    return shape, made


def line(ax: Axes, x: np.ndarray[Any, Any], rows: pd.DataFrame, look: Look, marks: int) -> None:
    """One variant's means over x with the band of its interval."""
    ax.plot(
        x, rows["mean"].to_numpy(), color=look.colour, linestyle=look.line, marker=look.marker,
        markevery=max(1, len(rows) // marks), markersize=3.2, markerfacecolor=look.fill,
    )  # fmt: skip
    if rows["low"].notna().any():
        ax.fill_between(x, rows["low"].to_numpy(), rows["high"].to_numpy(),
                        color=look.colour, alpha=0.15, linewidth=0)  # fmt: skip


def loss_curves(source: Source, metric: str, y: str, *, log_steps: bool) -> Figure | None:
    """A loss over the steps, one line a variant, with the losses worth comparing with."""
    curves = source.data.curves
    table = curves[curves["metric"] == metric]
    if table.empty:
        return None
    groups = by_variant(table)
    shape, made = panels(source, right=NAMES)
    low, high = loss_limits(source, table["mean"].to_numpy(), known_top=log_steps)
    for ax, panel in zip(made.axes, shape.panels, strict=True):
        for cell, look in panel.cells:
            name = source.label(cell)
            if name in groups:
                rows = groups[name]
                line(ax, rows["step"].to_numpy() + int(log_steps), rows, look, 6)
            for step in source.diverged(name)["diverged_step"]:
                ax.plot([step + int(log_steps)], [high], "x", color=look.colour, clip_on=False,
                        markersize=5, markeredgewidth=1.5)  # fmt: skip
    made.axes[0].set_ylim(low, high)
    made.references(source.losses)
    if log_steps:
        made.axes[0].set_xscale("log")
        log_ticks(made.axes[0].xaxis, thousands=True)
    else:
        tick_thousands(made.axes[0])
    made.outer("step + 1" if log_steps else "step", y)
    return made.figure


def loss_limits(
    source: Source, values: np.ndarray[Any, Any], *, known_top: bool
) -> tuple[float, float]:
    """The range of losses drawn: from the floor to a little above guessing uniformly, at most.

    Args:
        source: knows the losses worth comparing with.
        values: the losses, nats.
        known_top: whether to go up to guessing uniformly even if no line does.
    """
    known = list(source.losses.values())
    low = min([float(np.nanmin(values)), *known]) - 0.04
    highest = float(np.nanmax(values)) + 0.05
    guessing = max(known) + HEADROOM if known else highest
    return low, guessing if known_top else min(highest, guessing)


def tick_thousands(ax: Axes) -> None:
    """Few ticks, thousands as k."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    ax.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    ax.xaxis.set_major_formatter(
        FuncFormatter(lambda x, _: f"{x / 1000:g}k" if abs(x) >= 1000 else f"{x:g}")
    )


def told(source: Source, quantity: str, when: str, show: str) -> str:
    """The extremes of a quantity of the layers in words, from ": …" on; "" if none was measured."""
    layers = source.data.layers
    shown = layers[(layers["quantity"] == quantity) & (layers["when"] == when)]
    if shown.empty:
        return ""
    ordered = shown.sort_values("mean", kind="stable")
    least, most = (
        f"{row['mean']:{show}} ({row['variant']}, layer {row['layer']})"
        for row in (ordered.iloc[0], ordered.iloc[-1])
    )
    return f": from {least} to {most}"


def profile(
    source: Source, quantity: str, when: str, right: float = RIGHT
) -> tuple[Sheet, Facets] | None:
    """A quantity over the layers, one line a variant; None where it was not measured."""
    layers = source.data.layers
    table = layers[(layers["quantity"] == quantity) & (layers["when"] == when)]
    if table.empty:
        return None
    from matplotlib.ticker import MaxNLocator

    groups = by_variant(table)
    column = facets(source.study).column
    shape, made = panels(source, share_x=column != "depth", right=right)
    for ax, panel in zip(made.axes, shape.panels, strict=True):
        for cell, look in panel.cells:
            if (rows := groups.get(source.label(cell))) is not None:
                line(ax, rows["layer"].to_numpy(), rows, look, 10)
        ax.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
    return made, shape
