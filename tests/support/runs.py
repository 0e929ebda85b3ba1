"""Small runs of char_mlp, trained in this process."""

from collections.abc import Sequence
from typing import Any

from safetensors.numpy import load

from harness.study.plan import Run, Stack, expand
from harness.study.study import Study
from harness.subjects.char_mlp import SUBJECT
from harness.subjects.corpus import Corpus
from harness.subjects.subject import SAMPLES, WEIGHTS, Array
from harness.training.records import Checkpoint, Event, Result
from harness.training.trainer import Training, train


def grid(corpus: Corpus, rates: tuple[float, float] = (0.1, 0.2), **fixed: Any) -> list[Run]:
    """Two inits × two learning rates × three seeds of a small network, all of one shape."""
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


def events(runs: Sequence[Run], corpus: Corpus) -> list[Event]:
    """Everything that the trainer yields for the runs, trained in one stack."""
    return list(train(Stack(tuple(runs)), SUBJECT, corpus))


def results(
    runs: Sequence[Run], corpus: Corpus, resume: Checkpoint | None = None
) -> dict[str, Result]:
    """The results of the runs by key, trained in one stack."""
    found = train(Stack(tuple(runs)), SUBJECT, corpus, resume)
    return {event.key: event for event in found if isinstance(event, Result)}


def checkpoint(runs: Sequence[Run], corpus: Corpus, step: int) -> Checkpoint:
    """The state of a stack after so many steps."""
    training = Training(runs, SUBJECT, corpus)
    while training.step < step:
        list(training.advance())
    return training.checkpoint()


def weights(result: Result) -> dict[str, Array]:
    """A result's weights by name."""
    return load(result.files[WEIGHTS])


def samples(result: Result) -> list[str]:
    """The names that a result's network wrote."""
    return result.files[SAMPLES].decode().splitlines()
