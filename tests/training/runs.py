"""Small runs for tests, and training them to their results."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from harness.corpus import Corpus
from harness.plan import Cohort, Run, expand
from harness.records import Checkpoint, Result, arrays
from harness.study import Study
from harness.trainer import train


def grid(corpus: Corpus, rates: tuple[float, float] = (0.1, 0.2), **fixed: Any) -> list[Run]:
    """Two inits × two learning rates × three seeds of a small network, in one shape."""
    study = Study.model_validate(
        {
            "name": "small",
            "question": "?",
            "seeds": 3,
            "fixed": {"steps": 120, "depth": 2, "width": 20, **fixed},
            "factors": {"init": ["naive", "kaiming"], "lr": list(rates)},
            "baseline": {"init": "kaiming", "lr": rates[0]},
        }
    )
    return expand(study, corpus.digest)


def results(
    runs: Sequence[Run], corpus: Corpus, resume: Checkpoint | None = None
) -> dict[str, Result]:
    """Every run's result by key, all trained in one stack."""
    events = train(Cohort(tuple(runs)), corpus, resume)
    return {event.key: event for event in events if isinstance(event, Result)}


def checkpoint(runs: Sequence[Run], corpus: Corpus, looks: int = 1) -> Checkpoint:
    """The stack's state when it has looked so often whether one is wanted."""
    looked = iter(range(looks))
    for event in train(Cohort(tuple(runs)), corpus, wanted=lambda: next(looked) == looks - 1):
        if isinstance(event, Checkpoint):
            return event
    raise AssertionError("the run ended before its checkpoint")


def differing(one: Result, other: Result) -> list[str]:
    """Names of everything in which two results are not bit for bit the same."""
    names = [name for name, tensor in one.weights.items()
             if not np.array_equal(tensor, other.weights[name])]  # fmt: skip
    theirs = arrays(other.history)
    names += [name for name, array in arrays(one.history).items()
              if not np.array_equal(array, theirs[name], equal_nan=True)]  # fmt: skip
    facts = [{name: value for name, value in result.facts.items() if name != "seconds"}
             for result in (one, other)]  # fmt: skip
    names += ["facts"] if facts[0] != facts[1] else []
    return names + (["samples"] if one.samples != other.samples else [])
