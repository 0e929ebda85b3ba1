"""A result is the same to the last bit whatever it is stacked with, and however interrupted."""

import numpy as np
import pytest

from harness.corpus import Corpus
from harness.history import schedule
from harness.layers import ACTIVATIONS, NORMS
from harness.records import Result
from harness.trainer import Training
from tests.training.runs import checkpoint, differing, grid, results

ODD_SHAPES = [
    {},
    {"width": 33, "batch": 7, "embedding": 7},
    {"width": 37, "batch": 5, "norm": "layer", "residual": True, "depth": 3},
    {"width": 29, "batch": 9, "norm": "none", "activation": "gelu"},
    {"width": 51, "batch": 33, "norm": "none", "activation": "relu", "output_scale": 0.01},
    {"width": 2, "batch": 3, "norm": "none", "embedding": 1, "context": 2, "depth": 1},
    {"width": 31, "output_norm": "none", "train_words": 20},
]


@pytest.mark.parametrize("fixed", ODD_SHAPES, ids=str)
def test_a_result_does_not_depend_on_the_stack(tiny: Corpus, fixed: dict[str, object]) -> None:
    runs = grid(tiny, **fixed)
    together = results(runs, tiny)
    for part in (runs[:1], runs[7:8], runs[3:8], runs[10:12]):
        for key, result in results(part, tiny).items():
            assert differing(result, together[key]) == []


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_resumed_run_ends_as_an_undisturbed_one(tiny: Corpus, norm: str, activation: str) -> None:
    runs = grid(tiny, norm=norm, activation=activation, output_scale=0.01)
    undisturbed = results(runs, tiny)
    kept = checkpoint(runs, tiny, looks=2)
    assert kept.step == 100
    for part in (runs, runs[4:5], runs[1:9]):
        for key, result in results(part, tiny, resume=kept).items():
            assert differing(result, undisturbed[key]) == []


def test_a_checkpoint_of_other_runs_is_refused(tiny: Corpus) -> None:
    runs = grid(tiny)
    with pytest.raises(ValueError, match="lacks 1 of the cohort's runs"):
        results(runs[2:6], tiny, resume=checkpoint(runs[:5], tiny))


def test_observing_does_not_change_training(tiny: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = grid(tiny)[:3]
    observed = results(runs, tiny)
    plan = schedule(120)
    blind = type(plan)(window=plan.window, probes=(0, 119), evaluations=(120,))
    monkeypatch.setattr("harness.trainer.schedule", lambda _: blind)
    for key, result in results(runs, tiny).items():
        for name, tensor in result.weights.items():
            assert np.array_equal(tensor, observed[key].weights[name])
        assert np.array_equal(result.history.loss, observed[key].history.loss)


def test_every_measurement_is_taken(tiny: Corpus) -> None:
    for result in results(grid(tiny)[:2], tiny).values():
        for name in ("loss", "curve_loss", "dev_loss", "layers", "update_data", "final_loss"):
            assert np.isfinite(getattr(result.history, name)).all(), name
        assert result.history.activation_histogram.sum(axis=2) == pytest.approx(32 * 20)
        assert result.history.gradient_histogram.sum(axis=2) == pytest.approx(32 * 20)
        assert len(result.samples) == 20


def test_curve_loss_is_the_mean_since_the_probe_before(tiny: Corpus) -> None:
    (result,) = results(grid(tiny)[:1], tiny).values()
    probes = schedule(120).probes
    losses, start = result.history.loss, 0
    for place, probe in enumerate(probes):
        assert result.history.curve_loss[place] == pytest.approx(losses[start : probe + 1].mean())
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
            assert all(np.isfinite(tensor).all() for tensor in result.weights.values())
            step = int(result.facts["diverged_step"])
            assert np.isfinite(result.history.loss[:step]).all()
            assert np.isnan(result.history.loss[step:]).all()
            assert result.samples == []

    def test_its_neighbours_do_not_notice(self, tiny: Corpus) -> None:
        _, together, calm = self.study(tiny)
        finished = {key: r for key, r in together.items() if r.outcome == "finished"}
        assert finished.keys() >= set(calm) & together.keys()
        runs = grid(tiny, norm="none", activation="relu", output_scale=0.01)
        for run in runs:
            if run.key in finished:
                (alone,) = results([run], tiny).values()
                assert differing(alone, finished[run.key]) == []

    def test_a_gradient_beyond_float32_is_seen_before_its_update(self, tiny: Corpus) -> None:
        runs = grid(tiny, norm="none", activation="relu")[6:8]
        training = Training(runs, tiny)
        tiny_ones, huge, last = (
            block.linear.weight.tensor[0]  # of the first member; the second stays as it was
            for block in (*training.stack.hidden, training.stack.output)
        )
        tiny_ones *= 1e-37  # so that huge weights behind them give a moderate loss
        huge.copy_(huge.sign() * 3e38)
        last *= 1e5
        before = training.stack.member_state(0)
        (result,) = [event for event in training.advance() if isinstance(event, Result)]
        assert (result.key, result.facts["diverged_cause"]) == (runs[0].key, "gradient")
        assert all(np.array_equal(before[name], kept) for name, kept in result.weights.items())
        assert [member.run for member in training.members] == runs[1:]
