"""Divergence is an outcome: frozen before the bad update, marked, and no neighbour's business."""

import numpy as np
import pytest

from harness.corpus import Corpus
from harness.fields import Fields
from harness.plan import Cohort, Run, expand
from harness.records import Checkpoint, Record, Result, arrays
from harness.study import Study
from harness.trainer import train
from tests.reliability.small import WORDS

STEPS = 300


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return Corpus.of("words", WORDS.split(), "words of the tests")


@pytest.fixture(scope="module")
def runs(corpus: Corpus) -> list[Run]:
    """One stack: two learning rates that do well, and two that make relu networks diverge."""
    study = Study.model_validate(
        {
            "name": "mixed", "question": "?", "seeds": 2,
            "fixed": {"steps": STEPS, "width": 12, "depth": 3, "batch": 8, "norm": "none",
                      "activation": "relu"},
            "factors": {"lr": [0.1, 300.0, 0.05, 1e6]},
            "baseline": {"lr": 0.1},
        }
    )  # fmt: skip
    return expand(study, corpus.digest)


def results(runs: list[Run], corpus: Corpus, resume: Checkpoint | None = None) -> dict[str, Result]:
    events = train(Cohort(tuple(runs)), corpus, resume)
    return {event.key: event for event in events if isinstance(event, Result)}


@pytest.fixture(scope="module")
def stacked(runs: list[Run], corpus: Corpus) -> dict[str, Result]:
    return results(runs, corpus)


def assert_equal(one: Result, other: Result) -> None:
    assert (one.outcome, one.samples) == (other.outcome, other.samples)
    for name, array in arrays(one.history).items():
        assert array.tobytes() == arrays(other.history)[name].tobytes(), name
    assert {n: a.tobytes() for n, a in one.weights.items()} == {
        n: a.tobytes() for n, a in other.weights.items()
    }
    assert {**one.facts, "seconds": 0} == {**other.facts, "seconds": 0}


def test_those_that_diverge_are_marked_with_step_and_cause(
    runs: list[Run], stacked: dict[str, Result]
) -> None:
    for run in runs:
        result = stacked[run.key]
        assert result.outcome == ("diverged" if run.fields.lr > 1 else "finished")
        if result.outcome == "diverged":
            assert 0 < int(result.facts["diverged_step"]) < STEPS
            assert result.facts["diverged_cause"] in ("loss", "gradient")
            assert result.samples == []


def test_a_diverged_run_keeps_the_finite_weights_it_had_before_the_bad_update(
    stacked: dict[str, Result],
) -> None:
    diverged = [result for result in stacked.values() if result.outcome == "diverged"]
    assert all(np.isfinite(array).all() for r in diverged for array in r.weights.values())


def test_every_run_of_a_mixed_stack_is_as_it_is_alone(
    runs: list[Run], corpus: Corpus, stacked: dict[str, Result]
) -> None:
    for run in runs:
        assert_equal(results([run], corpus)[run.key], stacked[run.key])


def test_neighbours_are_as_they_are_without_those_that_diverge(
    runs: list[Run], corpus: Corpus, stacked: dict[str, Result]
) -> None:
    for key, result in results([run for run in runs if run.fields.lr < 1], corpus).items():
        assert_equal(result, stacked[key])


def test_a_stack_resumed_after_some_diverged_goes_on_the_same(
    runs: list[Run], corpus: Corpus, stacked: dict[str, Result]
) -> None:
    events = list(train(Cohort(tuple(runs)), corpus, None, lambda: True))
    checkpoint = [event for event in events if isinstance(event, Checkpoint)][-1]
    left = [run for run in runs if run.key in checkpoint.keys]
    assert len(left) < len(runs)
    for key, result in results(left, corpus, checkpoint).items():
        assert_equal(result, stacked[key])


def test_no_record_is_ever_other_than_finite(runs: list[Run], corpus: Corpus) -> None:
    events = train(Cohort(tuple(runs)), corpus)
    values = [v for e in events if isinstance(e, Record) for v in e.values.values()]
    assert np.isfinite(values).all()


def test_the_lr_that_diverges_is_within_what_a_study_may_ask() -> None:
    assert Fields(lr=1e6).lr == 1e6
