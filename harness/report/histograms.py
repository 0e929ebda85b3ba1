"""Histograms by layer for a few telling variants: what their figures share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.report.canvas import Sheet, sheet
from harness.report.facets import cast
from harness.report.style import Look, ramp

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from harness.report.source import Source

MOMENTS = {"init": "first minibatch", "last": "last minibatch"}
MOST_VARIANTS = 5
STYLES = ("-", "--", ":")  # of the first, a middle and the last layer


def describe(of: str, meaning: str) -> str:
    """The caption."""
    return (
        f"Density of {of} in training mode, of each variant's first seed, for the first, a middle "
        f"and the last hidden layer. {meaning} A row each for the baseline, single changes from "
        "it, and the bare variant."
    )


def spoken(source: Source, kind: str) -> str:
    """The text alternative."""
    names = ", ".join(who for who in shown(source, kind).values())
    return f"Histograms of {kind}s at the first and the last minibatch by layer, for: {names}."


def shown(source: Source, kind: str) -> dict[str, str]:
    """The variants drawn: who they are, by label; the bare one always among them."""
    table = source.data.histograms
    known = set(table.loc[table["kind"] == kind, "variant"])
    people = [(name, who) for name, who in cast(source.study).items() if name in known]
    if len(people) > MOST_VARIANTS:
        people = [*people[: MOST_VARIANTS - 1], people[-1]]
    return dict(people)


def draw_histograms(source: Source, kind: str, x: str) -> Figure | None:
    """One row a variant, one column a moment, one line a layer."""
    people = shown(source, kind)
    if not people:
        return None
    table = source.data.histograms
    table = table[table["kind"] == kind]
    colours = ramp(3)
    key: list[tuple[str, Look | None]] = [
        (f"{which} layer", Look(colour, "", line))
        for which, colour, line in zip(("first", "middle", "last"), colours, STYLES, strict=True)
    ]
    made = sheet(2 * len(people), 2, height=1.15, key=key, share_y=False, share_x=False,
                 bottom=0.4, gap=0.5)  # fmt: skip
    for row, (name, who) in enumerate(people.items()):
        for column, (when, words) in enumerate(MOMENTS.items()):
            ax = made.axes[2 * row + column]
            rows = table[(table["variant"] == name) & (table["when"] == when)]
            draw_layers(ax, rows, colours)
            ax.set_title(f"{who}: {words}", fontsize=8)
    finish(made, x)
    return made.figure


def draw_layers(ax: Axes, rows: pd.DataFrame, colours: list[str]) -> None:
    """The layers' densities as steps."""
    from harness.report.canvas import mark_missing

    layers = list(rows.groupby("layer"))
    if not layers:
        mark_missing(ax, "diverged before")
        return
    for i, (_, bins) in enumerate(layers):
        place = 0 if i == 0 else 2 if i == len(layers) - 1 else 1
        width = (bins["right"] - bins["left"]).to_numpy()
        share = bins["count"].to_numpy() / max(1.0, float(bins["count"].sum()))
        edges = np.append(bins["left"].to_numpy(), bins["right"].to_numpy()[-1])
        ax.stairs(
            share / width, edges, color=colours[place], linestyle=STYLES[place], linewidth=1.2
        )


def finish(made: Sheet, x: str) -> None:
    """Ticks that do not crowd, and names of the axes."""
    from matplotlib.ticker import MaxNLocator

    for ax in made.axes:
        if not ax.has_data():
            continue
        ax.locator_params(axis="y", nbins=3)
        ax.xaxis.set_major_locator(MaxNLocator(5))
        ax.set_ylim(bottom=0)
    made.outer("", "density")
    for ax in made.axes[-2:]:
        ax.set_xlabel(x, labelpad=1)
