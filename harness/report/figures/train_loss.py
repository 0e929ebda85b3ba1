"""Training loss over the steps, on a logarithmic axis that shows how it starts."""

from matplotlib.figure import Figure

from harness.report.facets import facets
from harness.report.lines import HEADROOM, loss_curves
from harness.report.source import Source, seeds_in_words

SECTION = "curves"
TITLE = "Training loss from the first step on"


def caption(source: Source) -> str:
    """What is drawn."""
    return (
        "Loss on training minibatches in training mode, averaged since the point before, against "
        "the step on a logarithmic axis: mean over the seeds still training, a cross marks a run "
        "that diverged. A line that enters from above begins with a loss worse than guessing. The "
        f"axis ends {HEADROOM} nats above guessing uniformly. {seeds_in_words(source)}"
        f"{source.losses_in_words}{facets(source.study).note}"
    )


def alt(source: Source) -> str:
    """What it shows, in words."""
    return (
        f"Curves of training loss against step, on a logarithmic axis, for {len(source.cells)} "
        "variants, in small multiples."
    )


def draw(source: Source) -> Figure | None:
    """One line a variant."""
    return loss_curves(source, "train/loss", "train loss [nats]", log_steps=True)
