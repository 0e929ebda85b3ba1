"""The figures that only this network has, and the losses worth comparing with."""

from harness.subjects.char_mlp.measured import SATURATED
from harness.subjects.characters import WANTED_UPDATE, blind_references
from harness.subjects.figures import (
    CurveFigure,
    Figure,
    HeatFigure,
    HistogramFigure,
    LayerFigure,
    Reference,
    WeightFigure,
    When,
)
from harness.subjects.subject import Facts

CURVES, SATURATION = "Learning curves", "Saturation by layer"
GRADIENTS, UPDATES, HISTOGRAMS = "Gradient flow", "Update:data", "Activations and gradients"

HEALTHY = Reference("5\u00a0%", 0.05, "the limit under which a layer is usually called healthy")


def _saturation(name: str, when: When, title: str, measured: str) -> LayerFigure:
    caption = f"Share of hidden outputs with an absolute value above {SATURATED}, {measured}."
    return LayerFigure(
        name, SATURATION, f"Saturation by layer, {title}", caption, "saturation", when,
        f"share with |h| > {SATURATED}", share=True, reference=HEALTHY,
    )  # fmt: skip


def _gradients(name: str, when: When, title: str, measured: str) -> LayerFigure:
    caption = (
        "Standard deviation of the loss's gradient by each hidden layer's outputs, on "
        f"{measured}, in training mode, on a logarithmic axis. A level line passes gradients on "
        "unchanged; a line that falls with the layer means gradients that grow on their way back, "
        "one that rises, gradients that fade. A band that falls to the lower edge is an interval "
        "that reaches 0."
    )
    return LayerFigure(
        name, GRADIENTS, f"Gradient flow {title}", caption, "gradient_std", when,
        "std of gradient", log=True,
    )  # fmt: skip


FIGURES: tuple[Figure, ...] = (
    CurveFigure(
        "dev_loss", CURVES, "Dev loss while training",
        "Loss over the whole dev split in eval mode, mean over the seeds still training, one line "
        "a variant; a cross marks a run that diverged.",
        "eval/dev_loss", "final/dev_loss",
    ),
    CurveFigure(
        "train_loss", CURVES, "Training loss from the first step on",
        "Loss on training minibatches in training mode, averaged since the point before, against "
        "the step on a logarithmic axis: mean over the seeds still training, a cross marks a run "
        "that diverged. A line that enters from above begins with a loss worse than guessing.",
        "train/loss", "final/train_loss", log_steps=True,
    ),
    _saturation("saturation_init", "init", "at initialisation",
                "on the first minibatch, in training mode"),
    _saturation("saturation_final", "final", "after training",
                "over the whole dev split, in eval mode, after the last step"),
    HeatFigure(
        "saturation_steps", SATURATION, "Saturation by layer, while training",
        f"Share of hidden outputs with an absolute value above {SATURATED}, on training "
        "minibatches, in training mode.",
        "saturation", f"share with |h| > {SATURATED}", share=True,
    ),
    _gradients("gradient_init", "init", "at initialisation", "the first minibatch"),
    _gradients("gradient_last", "last", "at the last step", "the last minibatch"),
    WeightFigure(
        "update_data", UPDATES, "Update:data ratio of each weight",
        "log10 of std(learning rate × gradient) over std(weight), mean over seeds, of the "
        "embedding (dashed) and of each weight matrix from the first (blue) over green to the "
        "last; of deep networks some matrices only. Far above the dotted line weights change too "
        "fast; far below, they hardly learn.",
        "update_data", "log10 update:data", "embedding", WANTED_UPDATE,
    ),
    HistogramFigure(
        "activations", HISTOGRAMS, "Activations, first and last minibatch",
        "Density of the hidden layers' outputs. Mass at ±1 is saturation.",
        "activation", "activation",
    ),
    HistogramFigure(
        "gradients", HISTOGRAMS, "Gradients by activation, first and last minibatch",
        "Density of the loss's gradient by the hidden layers' outputs. Curves of like width mean "
        "gradients of like size in all layers; scales differ by plot.",
        "gradient", "gradient",
    ),
)  # fmt: skip


def references(facts: Facts) -> list[Reference]:
    """The losses worth comparing with, nats: entropies, and that of guessing uniformly."""
    found = []
    if facts.get("entropy/context"):
        found.append(Reference(
            "floor", float(facts["entropy/context"]),
            "the entropy of a character given its context on the train split, below which no "
            "loss on the full train split can fall",
        ))  # fmt: skip
    return [*found, *blind_references(facts)]
