"""The responses and curves of a run: what its trace comes down to."""

import numpy as np

from harness.subjects.characters import GAP, INITIAL_LOSS, LAST_LOSS, final_losses
from harness.subjects.subject import Curve, Response

RESPONSES: dict[str, Response] = {
    response.name: response
    for response in (
        *final_losses("a character, over"),
        GAP,
        LAST_LOSS,
        Response("last/attention_entropy", "entropy of attention",
                 "mean over layers, heads and characters of the last minibatch; 0: one character",
                 lambda run: float(np.mean(run.last("attention_entropy"))), "nats",
                 direction=None),
        Response("last/update_data", "log10 update:data", "median over the weights",
                 lambda run: float(run.last("diag/update_data")), direction=None),
        INITIAL_LOSS,
    )
}  # fmt: skip

HEADLINE = ("final/train_loss", "final/dev_loss", "final/test_loss", "last/attention_entropy")

CURVES = {
    "train/loss": Curve("train loss [nats]", charted=True),
    "eval/dev_loss": Curve("dev loss [nats]", charted=True),
    "diag/update_data": Curve("log10 update:data", charted=True),
}
