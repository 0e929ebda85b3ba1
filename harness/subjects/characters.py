"""What subjects that predict characters share: a field, responses, and words of reports."""

from typing import Annotated, Literal

from pydantic import AfterValidator

from harness.subjects.exact import log
from harness.subjects.figures import Reference
from harness.subjects.subject import Facts, Response
from harness.subjects.works import Work


def _some_words(value: int | str) -> int | str:
    if isinstance(value, int) and value < 1:
        raise ValueError("must be at least 1, or 'all'")
    return value


TrainWords = Annotated[int | Literal["all"], AfterValidator(_some_words)]

WANTED_UPDATE = Reference("−3", -3.0, "where weights learn at a healthy pace")  # log10 update:data

MODES = (
    "Modes.",
    "init/ and last/ are measured in training mode on the first and the last minibatch, "
    "final/ in eval mode over whole splits after the last step.",
)
DIVERGENCE = (
    "Divergence.",
    "A run is frozen and counted as diverged when its loss or gradient is not finite. Its final "
    "losses count as those of uniform guessing, as does any higher loss. Its other final "
    "responses are not used.",
)
FIXED_SPLIT = (
    "The data split is fixed: intervals and verdicts cover variation over seeds, not over data."
)
ONE_RATE = "All variants use one learning rate, but each may need a different one."


def lectures(what: str) -> Work:
    """The lectures, and what of them is used."""
    title, address = "Neural Networks: Zero to Hero", "https://karpathy.ai/zero-to-hero.html"
    return Work(("Karpathy, Andrej",), 2022, title, address, what)


def uniform_loss(facts: Facts) -> float:
    """The loss of predicting every character with equal probability, nats; NaN if unknown."""
    return float(log(float(facts["vocabulary"]))) if facts.get("vocabulary") else float("nan")


def blind_references(facts: Facts) -> list[Reference]:
    """The losses of predictions that see no other character, nats, as far as they are known."""
    found = []
    if facts.get("entropy/unigram"):
        meaning = "the entropy of the characters' frequencies"
        found.append(Reference("unigrams", float(facts["entropy/unigram"]), meaning))
    if facts.get("vocabulary"):
        name = f"ln {float(facts['vocabulary']):.0f}"
        found.append(Reference(name, uniform_loss(facts), "guessing uniformly"))
    return found


def final_losses(over: str = "over") -> tuple[Response, ...]:
    """The losses over whole splits.

    Args:
        over: what stands before "the dev split" in their descriptions.
    """

    def loss(split: str, *, selects: bool = True, elsewhere: str = "") -> Response:
        return Response(
            f"final/{split}_loss", f"{split} loss", f"{over} the {split} split",
            lambda run: float(run.last(f"final_{split}_loss")), "nats",
            cap=uniform_loss, selects=selects, elsewhere=elsewhere,
        )  # fmt: skip

    return loss("dev", elsewhere="final/test_loss"), loss("train"), loss("test", selects=False)


GAP = Response(
    "final/gap", "dev − train loss", "what is lost on unseen words",
    lambda run: float(run.last("final_dev_loss") - run.last("final_train_loss")), "nats",
)  # fmt: skip
LAST_LOSS = Response(
    "last/batch_loss", "minibatch loss", "mean of the last minibatches",
    lambda run: float(run.at("loss", run.steps - 1)), "nats",
)  # fmt: skip
INITIAL_LOSS = Response(
    "init/loss", "initial loss", "of the first minibatch",
    lambda run: float(run.at("train/loss", 0)), "nats",
)  # fmt: skip
