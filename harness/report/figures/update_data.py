"""Update:data ratio of each weight over the steps, for a few telling variants."""

from matplotlib.figure import Figure

from harness.report.canvas import reference, sheet
from harness.report.facets import cast
from harness.report.lines import by_variant, tick_thousands
from harness.report.source import Source
from harness.report.style import COLOURS, Look, ramp

SECTION = "updates"
TITLE = "Update:data ratio of each weight"
WANTED = -3.0
DASHED = (0, (4, 1.6))


def caption(source: Source) -> str:
    """What is drawn."""
    shown = "; ".join(cast(source.study).values())
    return (
        "log10 of std(learning rate × gradient) over std(weight), mean over seeds, of the "
        "embedding (dashed) and of each weight matrix from the first (blue) over green to the "
        "last; of deep networks some matrices only. Near −3 (dotted) is healthy; far above, "
        f"weights are thrown about; far below, they hardly learn. A few telling variants: {shown}."
    )


def alt(source: Source) -> str:
    """What it shows, in words."""
    last = source.data.updates.groupby("variant")["mean"].last()
    parts = [f"{who} {last[name]:.1f}" for name, who in cast(source.study).items() if name in last]
    return f"Update:data ratios over the steps. Last weight at the end: {'; '.join(parts)}."


def draw(source: Source) -> Figure | None:
    """One plot a variant, one line a weight."""
    groups = by_variant(source.data.updates)
    shown = {name: who for name, who in cast(source.study).items() if name in groups}
    if not shown:
        return None
    named = zip(("first matrix", "between", "last matrix"), ramp(3), strict=True)
    key = [("embedding", Look(COLOURS[1], "", DASHED)),
           *((name, Look(colour, "", "-")) for name, colour in named)]  # fmt: skip
    made = sheet(len(shown), min(3, len(shown)), key=key)
    for ax, (name, who) in zip(made.axes, shown.items(), strict=True):
        weights = groups[name].groupby("weight")
        colours = ramp(len(weights) - 1)
        for i, (weight, rows) in enumerate(weights):
            embedding = weight == 0
            ax.plot(rows["step"].to_numpy(), rows["mean"].to_numpy(), linewidth=1.1,
                    color=COLOURS[1] if embedding else colours[i - 1],
                    linestyle=DASHED if embedding else "-")  # fmt: skip
        ax.set_title(who, fontsize=8)
        reference(ax, WANTED)
    tick_thousands(made.axes[0])
    made.outer("step", "log10 update:data")
    return made.figure
