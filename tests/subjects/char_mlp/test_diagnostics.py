"""What a probe reports is what a naive computation on the textbook network finds."""

import numpy as np
import pytest
import torch
from harness.subjects.char_mlp.stack import Stack
from harness.training.history import BINS, schedule
from torch.nn.functional import cross_entropy

from harness.subjects.char_mlp.diagnostics import Probe
from harness.subjects.char_mlp.fields import Fields
from harness.subjects.char_mlp.layers import ACTIVATIONS
from harness.subjects.char_mlp.network import MLP

V = 27


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_probe_against_autograd(activation: str) -> None:
    fields = [Fields(depth=2, width=24, norm="none", activation=activation, gain=2.0, lr=lr)
              for lr in (0.1, 0.3)]  # fmt: skip
    numbers = np.random.default_rng(0)
    x, y = numbers.integers(0, V, (2, 32, 3)), numbers.integers(0, V, (2, 32))
    lr = np.array([f.lr for f in fields])
    with torch.no_grad():
        stack = Stack([MLP.initial(f, seed, V) for seed, f in enumerate(fields)], fields[0])
        probe = Probe(stack, lr, histograms=True)
        stack.gradient(x, y, lr, probe.observe)
        probe.finish()
    for k, member in enumerate(fields):
        network = MLP.initial(member, k, V)
        for parameter in network.parameters():
            parameter.requires_grad_()
        logits = network(torch.from_numpy(x[k]))
        outs = [block.layers["activation"].out for block in network.hidden]
        for out in outs:
            out.retain_grad()
        cross_entropy(logits, torch.from_numpy(y[k])).backward()
        for number, out in enumerate(outs):
            low, high = network.hidden[number].layers["activation"].sloped
            beyond = (out < low) | (out > high)
            mean, std, saturation, dead, gradient_std = probe.layers[k, number]
            assert mean == pytest.approx(out.mean().item(), abs=1e-6)
            assert std == pytest.approx(out.std().item(), rel=1e-5)
            assert dead == pytest.approx(beyond.all(0).float().mean().item())
            assert gradient_std == pytest.approx(out.grad.std().item(), rel=1e-4)
            if activation == "tanh":
                assert saturation == pytest.approx((out.abs() > 0.97).float().mean().item())
            else:
                assert np.isnan(saturation)
        weights = [t for name, t in network.state().items() if name.endswith("weight")]
        expected = [np.log10((member.lr * w.grad.std() / w.std()).item()) for w in weights]
        assert probe.update_data[k] == pytest.approx(expected, abs=1e-4)


def test_histograms_count_every_output() -> None:
    fields = Fields(depth=1, width=10, activation="relu")
    numbers = np.random.default_rng(0)
    lr = np.array([0.1])
    with torch.no_grad():
        stack = Stack([MLP.initial(fields, 1, V)], fields)
        probe = Probe(stack, lr, histograms=True)
        x, y = numbers.integers(0, V, (1, 32, 3)), numbers.integers(0, V, (1, 32))
        stack.gradient(x, y, lr, probe.observe)
        probe.finish()
    activations, gradients, half_width = probe.histogram(0, 0)
    assert activations.sum() == gradients.sum() == 320
    assert len(activations) == BINS
    assert half_width > 0


@pytest.mark.parametrize("steps", [1, 2, 3, 7, 60, 999, 10_000, 200_000])
def test_a_schedule_begins_at_the_first_step_and_ends_at_the_last(steps: int) -> None:
    plan = schedule(steps)
    assert plan.probes[0] == 0
    assert plan.probes[-1] == steps - 1
    assert plan.evaluations[-1] == steps
    assert list(plan.probes) == sorted(set(plan.probes))
    assert len(plan.probes) <= 50
    assert len(plan.evaluations) <= 8
    assert -(-steps // plan.window) <= 2000
