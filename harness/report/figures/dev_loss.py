"""Dev loss over the steps."""

from matplotlib.figure import Figure

from harness.report.facets import facets
from harness.report.lines import loss_curves
from harness.report.source import Source, seeds_in_words

SECTION = "curves"
TITLE = "Dev loss while training"


def caption(source: Source) -> str:
    """What is drawn."""
    return (
        "Loss over the whole dev split in eval mode, mean over the seeds still training, one line "
        f"a variant; a cross marks a run that diverged. {seeds_in_words(source)}"
        f"{source.losses_in_words}{facets(source.study).note}"
    )


def alt(source: Source) -> str:
    """What it shows, in words."""
    return f"Curves of dev loss against step for {len(source.cells)} variants, in small multiples."


def draw(source: Source) -> Figure | None:
    """One line a variant."""
    return loss_curves(source, "eval/dev_loss", "dev loss [nats]", log_steps=False)
