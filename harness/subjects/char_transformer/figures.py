"""The figures of this network, and the losses worth comparing with."""

from harness.subjects.characters import WANTED_UPDATE, blind_references
from harness.subjects.figures import CurveFigure, Figure, LayerFigure, Reference, WeightFigure, When
from harness.subjects.subject import Facts

CURVES, INSIDE, UPDATES = "Learning curves", "Norms and activations", "Update:data"
TAPPED = "each norm and activation"


def _gradients(name: str, when: When, title: str, measured: str) -> LayerFigure:
    caption = (
        f"Standard deviation of the loss's gradient by the outputs of {TAPPED}, on {measured}, in "
        "training mode, on a logarithmic axis. A level line passes gradients on unchanged."
    )
    return LayerFigure(
        name, INSIDE, f"Gradient flow {title}", caption, "gradient_std", when,
        "std of gradient", log=True,
    )  # fmt: skip


FIGURES: tuple[Figure, ...] = (
    CurveFigure(
        "dev_loss", CURVES, "Dev loss while training",
        "Loss a character over the whole dev split in eval mode, mean over the seeds still "
        "training, one line a variant; a cross marks a run that diverged.",
        "eval/dev_loss", "final/dev_loss",
    ),
    CurveFigure(
        "train_loss", CURVES, "Training loss from the first step on",
        "Loss a character on training minibatches in training mode, averaged since the point "
        "before, against the step on a logarithmic axis: mean over the seeds still training, a "
        "cross marks a run that diverged.",
        "train/loss", "final/train_loss", log_steps=True,
    ),
    LayerFigure(
        "attention_entropy", INSIDE, "Entropy of attention by layer",
        "Of the weights of each layer's heads over the characters so far, mean over heads and the "
        "characters of the last minibatch, padding left out. 0 means that a head looks at one "
        "character; one that looks at all t characters alike has ln t.",
        "attention_entropy", "last", "entropy [nats]",
    ),
    LayerFigure(
        "spread_init", INSIDE, "Spread of outputs at initialisation",
        f"Standard deviation of the outputs of {TAPPED}, on the first minibatch.",
        "std", "init", "std of outputs", log=True,
    ),
    _gradients("gradient_init", "init", "at initialisation", "the first minibatch"),
    _gradients("gradient_last", "last", "at the last step", "the last minibatch"),
    WeightFigure(
        "update_data", UPDATES, "Update:data ratio of each weight",
        "log10 of std(update) over std(weight), mean over seeds, of each weight matrix from the "
        "first (blue) over green to the last; of deep networks some matrices only. Far above the "
        "dotted line weights change too fast; far below, they hardly learn.",
        "update_data", "log10 update:data", reference=WANTED_UPDATE,
    ),
)  # fmt: skip


def references(facts: Facts) -> list[Reference]:
    """The losses worth comparing with, nats: entropies, and that of guessing uniformly."""
    found = []
    if facts.get("entropy/placed"):
        found.append(Reference(
            "bigrams", float(facts["entropy/placed"]),
            "the entropy of a character given the one before it and its place in the word on the "
            "train split, below which no network without attention can fall there",
        ))  # fmt: skip
    return [*found, *blind_references(facts)]
