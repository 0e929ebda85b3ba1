"""The responses and curves of a run: what its trace comes down to."""

from decimal import Decimal
from math import fsum

import numpy as np

from harness.subjects.char_mlp.measured import SATURATED
from harness.subjects.characters import GAP, INITIAL_LOSS, LAST_LOSS, final_losses
from harness.subjects.subject import Array, Curve, Response
from harness.subjects.trace import Trace

GROWS = "backwards, geometric mean of the ratios of std"
MEDIAN = "median over hidden and last weights"
BEYOND = f"share of |tanh| > {SATURATED}"
PREDICTED_LAYERS = 5  # layers whose saturation at init the literature gives one by one
DEEP = 5  # the layer from which gradients without a norm have settled to a steady growth


def worst(layers: Array) -> float:
    """The largest over the layers."""
    return float(np.max(layers))


def mean(layers: Array) -> float:
    """The mean over the layers."""
    return fsum(np.ravel(layers)) / np.size(layers)


def growth(gradient_std: Array) -> float:
    """Factor by which the gradient grows from a layer's outputs to those of the layer below.

    The geometric mean over the layers; NaN with one layer or a vanished gradient.
    """
    if gradient_std.size < 2 or not (gradient_std > 0).all():
        return float("nan")
    ratio = Decimal(float(gradient_std[0])) / Decimal(float(gradient_std[-1]))
    return float(ratio ** (Decimal(1) / (len(gradient_std) - 1)))  # the same on every processor


def middle_update(update_data: Array) -> float:
    """The median over the hidden weights and the last."""
    return float(np.median(update_data[1:])) if update_data.ndim else float("nan")


def from_layer(values: Array, layer: int) -> Array:
    """The values of this layer and those above it; none where there are not so many."""
    return values[layer - 1 :] if values.ndim else values.reshape(-1)[:0]


def _layer_saturation(layer: int) -> Response:
    def of(run: Trace) -> float:
        found = from_layer(run.at("saturation", 0), layer)
        return float(found[0]) if len(found) else float("nan")

    label = f"saturation at init, layer {layer}"
    return Response(f"init/saturation_layer_{layer}", label, BEYOND, of, "share")


def _deeper_saturation(run: Trace) -> float:
    found = from_layer(run.at("saturation", 0), 2)
    return mean(found) if len(found) else float("nan")


RESPONSES: dict[str, Response] = {
    response.name: response
    for response in (
        *final_losses(),
        GAP,
        Response("final/saturation_worst", "saturation, worst layer", f"{BEYOND}, dev split",
                 lambda run: worst(run.last("final_saturation")), "share"),
        Response("final/saturation_mean", "saturation, mean of layers", f"{BEYOND}, dev split",
                 lambda run: mean(run.last("final_saturation")), "share"),
        Response("final/dead_units", "dead units", "share without slope on any dev context",
                 lambda run: mean(run.last("final_dead")), "share"),
        LAST_LOSS,
        Response("last/saturation_worst", "saturation in training, worst layer", BEYOND,
                 lambda run: worst(run.last("saturation")), "share"),
        Response("last/gradient_growth", "gradient growth per layer", GROWS,
                 lambda run: growth(run.last("gradient_std")), direction=None),
        Response("last/update_data", "log10 update:data", MEDIAN,
                 lambda run: middle_update(run.last("update_data")), direction=None),
        INITIAL_LOSS,
        Response("init/saturation_worst", "saturation at init, worst layer", BEYOND,
                 lambda run: worst(run.at("saturation", 0)), "share"),
        Response("init/saturation_mean", "saturation at init, mean of layers", BEYOND,
                 lambda run: mean(run.at("saturation", 0)), "share"),
        *map(_layer_saturation, range(1, PREDICTED_LAYERS + 1)),
        Response("init/saturation_deeper", "saturation at init, mean of layers 2 and up", BEYOND,
                 _deeper_saturation, "share"),
        Response("init/gradient_growth", "gradient growth per layer at init", GROWS,
                 lambda run: growth(run.at("gradient_std", 0)), direction=None),
        Response("init/gradient_growth_deep",
                 f"gradient growth per layer at init, from layer {DEEP} on", GROWS,
                 lambda run: growth(from_layer(run.at("gradient_std", 0), DEEP)), direction=None),
        Response("init/update_data", "log10 update:data at init", MEDIAN,
                 lambda run: middle_update(run.at("update_data", 0)), direction=None),
    )
}  # fmt: skip

HEADLINE = ("final/train_loss", "final/dev_loss", "final/test_loss", "final/saturation_mean",
            "final/saturation_worst")  # fmt: skip

CURVES = {
    "train/loss": Curve("train loss [nats]", charted=True),
    "eval/dev_loss": Curve("dev loss [nats]", charted=True),
    "diag/saturation_worst": Curve("saturation, worst layer", charted=True),
    "diag/saturation_mean": Curve("saturation, mean of layers"),
    "diag/dead_units": Curve("dead units"),
    "diag/gradient_growth": Curve("gradient growth per layer, backwards"),
    "diag/update_data": Curve("log10 update:data", charted=True),
}
