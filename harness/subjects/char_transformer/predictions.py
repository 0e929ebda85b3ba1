"""What theory predicts for this network, and where each prediction applies."""

from math import log

from harness.subjects.char_transformer.fields import Fields
from harness.subjects.subject import Facts, Prediction

COMPUTED = "computed for these fields"
INFORMATION = "information theory"


def predictions(facts: Facts) -> list[Prediction]:
    """All predictions that can be made, given what is known of the data."""
    found = []
    if facts.get("vocabulary"):
        V = float(facts["vocabulary"])
        found.append(Prediction(
            "initial-loss",
            f"with a norm and output scale 0.1 the initial loss is ln {V:.0f} + 0.1²/2: logits "
            "have variance 0.1²",
            COMPUTED, "init/loss", _quiet, log(V) + 0.005, 0.03,
        ))  # fmt: skip
    if facts.get("entropy/placed"):
        found.append(Prediction(
            "placed-floor",
            "without attention no train loss is below the entropy given character and place",
            INFORMATION, "final/train_loss", lambda f: _alone(f) and f.positions == "learned",
            float(facts["entropy/placed"]), 0.0, at_least=True,
        ))  # fmt: skip
    if facts.get("entropy/bigram"):
        found.append(Prediction(
            "bigram-floor",
            "without attention and positions no train loss is below the entropy given a character",
            INFORMATION, "final/train_loss", lambda f: _alone(f) and f.positions == "none",
            float(facts["entropy/bigram"]), 0.0, at_least=True,
        ))  # fmt: skip
    return found


def _quiet(fields: Fields) -> bool:
    """A norm before the last weights, which are scaled by 0.1."""
    return fields.norm != "none" and fields.output_scale == 0.1


def _alone(fields: Fields) -> bool:
    """Without attention, on all training words."""
    return fields.attention == "none" and fields.train_words == "all"
