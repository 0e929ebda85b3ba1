"""The responses and curves of a run: what its trace comes down to."""

from math import log

import numpy as np

from harness.subjects.subject import Curve, Facts, Response


def uniform_loss(facts: Facts) -> float:
    """The loss of predicting every character with equal probability, nats; NaN if unknown."""
    return log(float(facts["vocabulary"])) if facts.get("vocabulary") else float("nan")


def _loss(split: str, *, selects: bool = True, elsewhere: str = "") -> Response:
    return Response(
        f"final/{split}_loss", f"{split} loss", f"a character, over the {split} split",
        lambda run: float(run.last(f"final_{split}_loss")), "nats",
        cap=uniform_loss, selects=selects, elsewhere=elsewhere,
    )  # fmt: skip


RESPONSES: dict[str, Response] = {
    response.name: response
    for response in (
        _loss("dev", elsewhere="final/test_loss"),
        _loss("train"),
        _loss("test", selects=False),
        Response("final/gap", "dev − train loss", "what is lost on unseen words",
                 lambda run: float(run.last("final_dev_loss") - run.last("final_train_loss")),
                 "nats"),
        Response("last/batch_loss", "minibatch loss", "mean of the last minibatches",
                 lambda run: float(run.at("loss", run.steps - 1)), "nats"),
        Response("last/attention_entropy", "entropy of attention",
                 "mean over layers, heads and characters of the last minibatch; 0: one character",
                 lambda run: float(np.mean(run.last("attention_entropy"))), "nats",
                 direction=None),
        Response("last/update_data", "log10 update:data", "median over the weights",
                 lambda run: float(run.last("diag/update_data")), direction=None),
        Response("init/loss", "initial loss", "of the first minibatch",
                 lambda run: float(run.at("train/loss", 0)), "nats"),
    )
}  # fmt: skip

HEADLINE = ("final/train_loss", "final/dev_loss", "final/test_loss", "last/attention_entropy")

CURVES = {
    "train/loss": Curve("train loss [nats]", charted=True),
    "eval/dev_loss": Curve("dev loss [nats]", charted=True),
    "diag/update_data": Curve("log10 update:data", charted=True),
}
