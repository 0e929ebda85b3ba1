"""The responses: numbers that a run comes down to, each a function of its history."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from harness.errors import Mistake, suggest
from harness.history import SATURATED, SPLITS, Array, History


@dataclass(frozen=True)
class Response:
    """A measured outcome of a run.

    Attributes:
        name: its name as an MLflow metric; `init/` is training mode on the first minibatch,
            `last/` training mode on the last one, `final/` eval mode over whole splits.
        label: for axes and tables, with the unit in brackets where there is one.
        says: what it means, in one line.
        of: computes it; NaN where the run has no such thing.
        lower_is_better: None where neither end is good.
    """

    name: str
    label: str
    says: str
    of: Callable[[History], float]
    lower_is_better: bool | None = True


def worst(layers: Array) -> float:
    """The largest over the layers."""
    return float(np.max(layers))


def mean(layers: Array) -> float:
    """The mean over the layers."""
    return float(np.mean(layers))


def growth(gradient_std: Array) -> float:
    """Factor by which the gradient grows from a layer's outputs to those of the layer below.

    The geometric mean over the layers; NaN with one layer or a vanished gradient.
    """
    if len(gradient_std) < 2 or not (gradient_std > 0).all():
        return float("nan")
    return float((gradient_std[0] / gradient_std[-1]) ** (1 / (len(gradient_std) - 1)))


def middle_update(update_data: Array) -> float:
    """The median over the hidden weights and the last."""
    return float(np.median(update_data[1:]))


def final_loss(run: History, split: str) -> float:
    """The loss over a whole split after the last step, in eval mode, nats."""
    return float(run.final_loss[SPLITS.index(split)])


GROWS = "backwards, geometric mean of the ratios of std"
MIDDLE = "median over hidden and last weights"
BEYOND = f"share of |tanh| > {SATURATED}"

RESPONSES: dict[str, Response] = {
    response.name: response
    for response in (
        Response("final/dev_loss", "dev loss [nats]", "over the dev split",
                 lambda run: final_loss(run, "dev")),
        Response("final/train_loss", "train loss [nats]", "over the train split",
                 lambda run: final_loss(run, "train")),
        Response("final/test_loss", "test loss [nats]", "over the test split",
                 lambda run: final_loss(run, "test")),
        Response("final/gap", "dev − train loss [nats]", "what is lost on unseen words",
                 lambda run: final_loss(run, "dev") - final_loss(run, "train")),
        Response("final/saturation_worst", "saturation, worst layer", f"{BEYOND}, dev split",
                 lambda run: worst(run.final("saturation"))),
        Response("final/saturation_mean", "saturation, mean of layers", f"{BEYOND}, dev split",
                 lambda run: mean(run.final("saturation"))),
        Response("final/dead_units", "dead units", "share without slope on any dev context",
                 lambda run: mean(run.final("dead"))),
        Response("last/batch_loss", "minibatch loss [nats]", "mean of the last minibatches",
                 lambda run: float(run.loss[-1])),
        Response("last/saturation_worst", "saturation in training, worst layer", BEYOND,
                 lambda run: worst(run.last(run.column("saturation")))),
        Response("last/gradient_growth", "gradient growth per layer", GROWS,
                 lambda run: growth(run.last(run.column("gradient_std"))), None),
        Response("last/update_data", "log10 update:data", MIDDLE,
                 lambda run: middle_update(run.last(run.update_data)), None),
        Response("init/loss", "initial loss [nats]", "of the first minibatch",
                 lambda run: float(run.curve_loss[0])),
        Response("init/saturation_worst", "saturation at init, worst layer", BEYOND,
                 lambda run: worst(run.column("saturation")[0])),
        Response("init/saturation_mean", "saturation at init, mean of layers", BEYOND,
                 lambda run: mean(run.column("saturation")[0])),
        Response("init/gradient_growth", "gradient growth per layer at init", GROWS,
                 lambda run: growth(run.column("gradient_std")[0]), None),
        Response("init/update_data", "log10 update:data at init", MIDDLE,
                 lambda run: middle_update(run.update_data[0]), None),
    )
}  # fmt: skip


def require_response(name: str) -> str:
    """The name itself, if there is such a response.

    Raises:
        Mistake: there is none; the remedy suggests the nearest.
    """
    if name not in RESPONSES:
        raise Mistake("must be a response that exists", name, suggest(name, RESPONSES, "responses"))
    return name


def responses(run: History) -> dict[str, float]:
    """Every response that the run has, by name; what is not finite is left out."""
    values = {name: response.of(run) for name, response in RESPONSES.items()}
    return {name: value for name, value in values.items() if np.isfinite(value)}
