"""The ladder from the lecture's loop down to the stack, as a figure."""

from collections.abc import Sequence
from pathlib import Path
from textwrap import fill

from benchmarks.rows import LIMIT, PRODUCTS, Row

STEP = "a run-step of the seed network: "
LINE = 90  # letters of the machine's description in a line
COLOUR, PART = "#0072B2", "#999999"  # Okabe–Ito


def draw(rows: Sequence[Row], machine: str, path: Path) -> None:
    """Draw µs a run-step of every way, the slowest on top; in grey what is only part of one."""
    from matplotlib.figure import Figure

    ways = sorted((row for row in rows if row.label.startswith(STEP)),
                  key=lambda row: row.measured.median)  # fmt: skip
    names = [row.label.removeprefix(STEP) for row in ways]
    costs = [row.measured.median for row in ways]
    figure = Figure(figsize=(8, 0.6 * len(ways) + 1.4), layout="constrained")
    axes = figure.subplots()
    colours = [PART if name in (PRODUCTS, LIMIT) else COLOUR for name in names]
    bars = axes.barh(names, costs, color=colours, height=0.6)
    axes.bar_label(bars, [f"{cost:,.0f} µs" for cost in costs], padding=4)
    axes.set_xlim(0, max(costs) * 1.15)
    axes.set_xlabel("µs a run-step (5 hidden layers of 100, batch 32, BatchNorm), one thread",
                    loc="right")  # fmt: skip
    figure.suptitle(fill(machine, LINE), fontsize=9, x=0.01, ha="left")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150, metadata={"Software": None})
