"""A result is the same to the last bit whatever it is stacked with, and however interrupted."""

from typing import Any

import numpy as np
import pytest

from harness.study.plan import Stack
from harness.subjects.char_mlp import SUBJECT
from harness.subjects.char_mlp.layers import ACTIVATIONS, NORMS
from harness.subjects.char_mlp.measured import BINS, FINAL_ACTIVATIONS
from harness.subjects.char_mlp.members import SAMPLED, StackedMembers
from harness.subjects.corpus import Corpus
from harness.training.records import Checkpoint, Record, Result
from harness.training.schedule import Schedule, schedule
from harness.training.trainer import CHECK_EVERY, Training, train
from tests.support.results import assert_equal
from tests.support.runs import checkpoint, events, grid, results, samples, weights

ODD_SHAPES: list[dict[str, Any]] = [
    {},
    {"width": 33, "batch": 7, "embedding": 7},
    {"width": 37, "batch": 5, "norm": "layer", "residual": True, "depth": 3},
    {"width": 29, "batch": 9, "norm": "none", "activation": "gelu"},
    {"width": 51, "batch": 33, "norm": "none", "activation": "relu", "output_scale": 0.01},
    {"width": 2, "batch": 3, "norm": "none", "embedding": 1, "context": 2, "depth": 1},
    {"width": 31, "output_norm": "none", "train_words": 20},
]


@pytest.mark.parametrize("fixed", ODD_SHAPES, ids=str)
def test_a_result_does_not_depend_on_the_stack(tiny: Corpus, fixed: dict[str, Any]) -> None:
    runs = grid(tiny, **fixed)
    together = results(runs, tiny)
    for part in (runs[:1], runs[7:8], runs[3:8], runs[10:12]):
        for key, result in results(part, tiny).items():
            assert_equal(result, together[key])


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_resumed_run_ends_as_an_undisturbed_one(tiny: Corpus, norm: str, activation: str) -> None:
    runs = grid(tiny, norm=norm, activation=activation, output_scale=0.01)
    undisturbed = results(runs, tiny)
    kept = checkpoint(runs, tiny, 100)
    for part in (runs, runs[4:5], runs[1:9]):
        for key, result in results(part, tiny, resume=kept).items():
            assert_equal(result, undisturbed[key])


@pytest.mark.parametrize("step", [0, 1, 119, 120])
def test_a_run_resumes_after_any_step(tiny: Corpus, step: int) -> None:
    runs = grid(tiny)[:2]
    resumed = results(runs, tiny, resume=checkpoint(runs, tiny, step))
    for key, result in results(runs, tiny).items():
        assert_equal(resumed[key], result)


def test_a_checkpoint_is_taken_when_it_is_wanted(tiny: Corpus) -> None:
    wanted = iter([False, True])
    found = train(Stack(tuple(grid(tiny)[:2])), SUBJECT, tiny, None, lambda: next(wanted))
    kept = [event for event in found if isinstance(event, Checkpoint)]
    assert [event.step for event in kept] == [2 * CHECK_EVERY]


def test_a_checkpoint_of_other_runs_is_refused(tiny: Corpus) -> None:
    runs = grid(tiny)
    with pytest.raises(ValueError, match="lacks 1 of the stack's runs"):
        results(runs[2:6], tiny, resume=checkpoint(runs[:5], tiny, 50))


def test_observing_does_not_change_training(tiny: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = grid(tiny)[:3]
    observed = results(runs, tiny)
    blind = Schedule(schedule(120).window, frozenset({0, 119}), frozenset({120}))
    monkeypatch.setattr("harness.training.trainer.schedule", lambda _: blind)
    for key, result in results(runs, tiny).items():
        before = weights(observed[key])
        assert all(np.array_equal(array, before[name]) for name, array in weights(result).items())
        for step in range(120):
            assert result.trace.at("loss", step) == observed[key].trace.at("loss", step)


def test_every_measurement_is_taken(tiny: Corpus) -> None:
    plan = schedule(120)
    for result in results(grid(tiny)[:2], tiny).values():
        found = result.trace.columns()
        columns = (found["series"], found["step"].tolist(), found["layer"].tolist())
        places = set(zip(*columns, strict=True))
        assert np.isfinite(found["value"]).all()
        for name in ("mean", "std", "saturation", "dead", "gradient_std"):
            assert {(name, step, layer) for step in plan.probes for layer in (1, 2)} <= places
        assert {("update_data", step, w) for step in plan.probes for w in range(4)} <= places
        assert {("loss", step, 0) for step in range(120)} <= places
        assert {(name, 120, layer) for name in FINAL_ACTIVATIONS for layer in (1, 2)} <= places
        assert {(f"final_{split}_loss", 120, 0) for split in ("train", "dev", "test")} <= places
        assert {("eval/dev_loss", step, 0) for step in plan.evaluations} <= places
        curves = SUBJECT.curves.keys() - {"eval/dev_loss"}
        assert {(name, step, 0) for name in curves for step in plan.probes} <= places
        for name in ("activation_histogram", "gradient_histogram"):
            for step in (0, 119):
                counts = result.trace.at(name, step)
                assert counts.shape == (2, BINS)
                assert counts.sum(axis=1) == pytest.approx(32 * 20)
        assert len(samples(result)) == SAMPLED


def test_records_are_the_curves_of_the_trace(tiny: Corpus) -> None:
    found = events(grid(tiny, (0.1, 1e6), norm="none", activation="relu"), tiny)
    recorded: list[tuple[str, str, int, float]] = []
    traced: set[tuple[str, str, int, float]] = set()
    for event in found:
        if isinstance(event, Record):
            recorded += [(event.key, name, event.step, v) for name, v in event.values.items()]
        elif isinstance(event, Result):
            traced |= {(event.key, *point) for point in event.trace.curves()}
    assert len(recorded) == len(set(recorded))
    assert set(recorded) == traced


def test_train_loss_is_the_mean_since_the_probe_before(tiny: Corpus) -> None:
    (result,) = results(grid(tiny)[:1], tiny).values()
    losses, start = [result.trace.at("loss", step) for step in range(120)], 0
    for probe in sorted(schedule(120).probes):
        expected = np.mean(losses[start : probe + 1])
        assert result.trace.at("train/loss", probe) == pytest.approx(expected)
        start = probe + 1


class TestDivergence:
    """A member that stops being finite leaves the stack before its bad update."""

    def study(self, tiny: Corpus) -> tuple[list[Result], dict[str, Result], list[str]]:
        wild = grid(tiny, (1e3, 1e6), norm="none", activation="relu", output_scale=1.0)
        calm = grid(tiny, norm="none", activation="relu", output_scale=0.01)
        mixed = [calm[0], wild[9], calm[6], wild[10], calm[7]]
        together = results(mixed, tiny)
        diverged = [result for result in together.values() if result.outcome == "diverged"]
        return diverged, together, [run.key for run in calm]

    def test_it_is_marked_with_step_and_cause(self, tiny: Corpus) -> None:
        diverged, _, _ = self.study(tiny)
        assert diverged
        for result in diverged:
            assert result.facts["diverged_cause"] in ("loss", "gradient")
            assert 0 <= int(result.facts["diverged_step"]) < 120

    def test_its_weights_are_those_before_the_bad_update(self, tiny: Corpus) -> None:
        diverged, _, _ = self.study(tiny)
        for result in diverged:
            assert all(np.isfinite(array).all() for array in weights(result).values())
            step = int(result.facts["diverged_step"])
            losses = np.array([result.trace.at("loss", step) for step in range(120)])
            assert np.isfinite(losses[:step]).all()
            assert np.isnan(losses[step:]).all()
            assert samples(result) == []

    def test_the_cause_is_that_of_the_bad_step_of_several_taken_at_once(self, tiny: Corpus) -> None:
        wild = results(grid(tiny, (4.0, 8.0), norm="none", activation="relu", residual=True), tiny)
        second = [r for r in wild.values() if r.facts.get("diverged_step") == 5]  # of steps 4 and 5
        assert {result.facts["diverged_cause"] for result in second} == {"loss"}

    def test_its_neighbours_do_not_notice(self, tiny: Corpus) -> None:
        _, together, calm = self.study(tiny)
        finished = {key: r for key, r in together.items() if r.outcome == "finished"}
        assert finished.keys() >= set(calm) & together.keys()
        runs = grid(tiny, norm="none", activation="relu", output_scale=0.01)
        for run in runs:
            if run.key in finished:
                (alone,) = results([run], tiny).values()
                assert_equal(alone, finished[run.key])

    def test_a_gradient_beyond_float32_is_seen_before_its_update(self, tiny: Corpus) -> None:
        runs = grid(tiny, norm="none", activation="relu")[6:8]
        training = Training(runs, SUBJECT, tiny)
        assert isinstance(training.members, StackedMembers)
        stack = training.members.stack
        small, huge, last = (
            stack.places[f"{name}.linear.weight"].of(stack.p)[0]  # of the first member only
            for name in ("hidden.1", "hidden.2", "output")
        )
        small *= 1e-37  # so that huge weights behind them give a moderate loss
        huge[:] = np.sign(huge) * 3e38
        last *= 1e5
        before = {name: tensor.numpy() for name, tensor in stack.member_state(0).items()}
        (result,) = [event for event in training.advance() if isinstance(event, Result)]
        assert (result.key, result.facts["diverged_cause"]) == (runs[0].key, "gradient")
        kept = weights(result)
        assert kept.keys() == before.keys()
        assert all(np.array_equal(before[name], array) for name, array in kept.items())
        assert [active.run for active in training.active] == runs[1:]
