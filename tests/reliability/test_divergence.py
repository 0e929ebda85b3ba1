"""Divergence is an outcome: frozen before the bad update, marked, and without effect on others."""

import numpy as np
import pytest
from safetensors.numpy import load

from harness.study.plan import Run, Stack, expand
from harness.study.study import Study
from harness.subjects.char_mlp import SUBJECT
from harness.subjects.char_mlp.fields import Fields
from harness.subjects.corpus import Corpus
from harness.subjects.subject import WEIGHTS
from harness.training.records import Checkpoint, Record, Result
from harness.training.trainer import train
from tests.support.results import assert_equal
from tests.support.small_study import WORDS

STEPS = 300


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return Corpus.of("words", WORDS.split(), "words of the tests")


@pytest.fixture(scope="module")
def runs(corpus: Corpus) -> list[Run]:
    """One stack: two learning rates that do well, and two that make relu networks diverge."""
    study = Study.model_validate(
        {
            "name": "mixed",
            "question": "?",
            "seeds": 2,
            "fixed": {
                "steps": STEPS,
                "width": 12,
                "depth": 3,
                "batch": 8,
                "norm": "none",
                "activation": "relu",
            },
            "factors": {"lr": [0.1, 300.0, 0.05, 1e6]},
            "baseline": {"lr": 0.1},
        }
    )
    return expand(study, corpus.digest)


def results(runs: list[Run], corpus: Corpus, resume: Checkpoint | None = None) -> dict[str, Result]:
    events = train(Stack(tuple(runs)), SUBJECT, corpus, resume)
    return {event.key: event for event in events if isinstance(event, Result)}


@pytest.fixture(scope="module")
def stacked(runs: list[Run], corpus: Corpus) -> dict[str, Result]:
    return results(runs, corpus)


def test_diverged_runs_are_marked_with_step_and_cause(
    runs: list[Run], stacked: dict[str, Result]
) -> None:
    for run in runs:
        result = stacked[run.key]
        assert result.outcome == ("diverged" if run.fields.lr > 1 else "finished")
        if result.outcome == "diverged":
            assert 0 < int(result.facts["diverged_step"]) < STEPS
            assert result.facts["diverged_cause"] in ("loss", "gradient")
            assert result.files["samples.txt"] == b""


def test_a_diverged_run_keeps_the_finite_weights_it_had_before_the_bad_update(
    stacked: dict[str, Result],
) -> None:
    diverged = [result for result in stacked.values() if result.outcome == "diverged"]
    weights = [load(result.files[WEIGHTS]) for result in diverged]
    assert len(weights) == 4
    assert all(np.isfinite(array).all() for arrays in weights for array in arrays.values())


def test_every_run_of_a_mixed_stack_is_as_it_is_alone(
    runs: list[Run], corpus: Corpus, stacked: dict[str, Result]
) -> None:
    for run in runs:
        assert_equal(results([run], corpus)[run.key], stacked[run.key])


def test_neighbours_are_as_they_are_without_the_diverged_runs(
    runs: list[Run], corpus: Corpus, stacked: dict[str, Result]
) -> None:
    for key, result in results([run for run in runs if run.fields.lr < 1], corpus).items():
        assert_equal(result, stacked[key])


def test_a_stack_resumed_after_some_diverged_continues_the_same(
    runs: list[Run], corpus: Corpus, stacked: dict[str, Result]
) -> None:
    events = list(train(Stack(tuple(runs)), SUBJECT, corpus, None, lambda: True))
    checkpoint = [event for event in events if isinstance(event, Checkpoint)][-1]
    left = [run for run in runs if run.key in checkpoint.keys]
    assert len(left) < len(runs)
    for key, result in results(left, corpus, checkpoint).items():
        assert_equal(result, stacked[key])


def test_every_value_of_a_record_is_finite(runs: list[Run], corpus: Corpus) -> None:
    events = train(Stack(tuple(runs)), SUBJECT, corpus)
    values = [v for e in events if isinstance(e, Record) for v in e.values.values()]
    assert np.isfinite(values).all()


def test_the_lr_that_diverges_is_within_what_a_study_may_ask() -> None:
    assert Fields.model_validate({"lr": 1e6}).lr == 1e6
