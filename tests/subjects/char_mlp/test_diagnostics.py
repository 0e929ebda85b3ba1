"""What a probe reports is what a naive computation on the textbook network finds."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from harness.subjects.char_mlp.diagnostics import Probe
from harness.subjects.char_mlp.fields import Fields
from harness.subjects.char_mlp.layers import ACTIVATIONS
from harness.subjects.char_mlp.measured import BINS
from harness.subjects.char_mlp.network import MLP
from harness.subjects.char_mlp.stacked import StackedMLP
from harness.subjects.subject import Array

V = 27


def probe(fields: list[Fields], x: Array, y: Array) -> dict[str, Array]:
    """What a probe measures of a stack's first step, by name."""
    with torch.no_grad():
        stack = StackedMLP([MLP.initial(f, seed, V) for seed, f in enumerate(fields)], fields)
        found = Probe(stack, histograms=True)
        for k, f in enumerate(fields):
            stack.gradient(k, x[k], y[k])
            found.step(k, f.lr)
        return {series.name: series.values for series in found.measured()}


def gradient(tensor: Tensor) -> Tensor:
    assert tensor.grad is not None
    return tensor.grad


def batch(members: int) -> tuple[Array, Array]:
    numbers = np.random.default_rng(0)
    return numbers.integers(0, V, (members, 32, 3)), numbers.integers(0, V, (members, 32))


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_probe_against_autograd(activation: str) -> None:
    fields = [
        Fields(depth=2, width=24, norm="none", activation=activation, gain=2.0, lr=lr)
        for lr in (0.1, 0.3)
    ]
    x, y = batch(2)
    measured = probe(fields, x, y)
    for k, member in enumerate(fields):
        network = MLP.initial(member, k, V)
        for parameter in network.parameters():
            parameter.requires_grad_()
        logits = network(torch.from_numpy(x[k]))
        outs = [block.layers["activation"].out for block in network.hidden]
        for out in outs:
            out.retain_grad()
        cross_entropy(logits, torch.from_numpy(y[k])).backward()
        stds, saturations, deads = [], [], []
        for number, out in enumerate(outs):
            low, high = network.hidden[number].layers["activation"].sloped
            beyond = (out < low) | (out > high)
            stds.append(gradient(out).std().item())
            saturations.append((out.abs() > 0.97).float().mean().item())
            deads.append(beyond.all(0).float().mean().item())
            assert measured["mean"][k, number] == pytest.approx(out.mean().item(), abs=1e-6)
            assert measured["std"][k, number] == pytest.approx(out.std().item(), rel=1e-5)
        if activation != "tanh":
            saturations = [np.nan, np.nan]
        assert measured["saturation"][k] == pytest.approx(saturations, nan_ok=True)
        assert measured["dead"][k] == pytest.approx(deads)
        assert measured["gradient_std"][k] == pytest.approx(stds, rel=1e-4)
        weights = [t for name, t in network.state().items() if name.endswith("weight")]
        expected = [np.log10((member.lr * gradient(w).std() / w.std()).item()) for w in weights]
        assert measured["update_data"][k] == pytest.approx(expected, abs=1e-4)
        curves = {
            "diag/saturation_worst": max(saturations),
            "diag/saturation_mean": np.mean(saturations),
            "diag/dead_units": np.mean(deads),
            "diag/gradient_growth": stds[0] / stds[1],
            "diag/update_data": np.median(expected[1:]),
        }
        for name, value in curves.items():
            assert measured[name][k] == pytest.approx(value, rel=1e-4, nan_ok=True), name


def test_histograms_count_every_output() -> None:
    measured = probe([Fields(depth=1, width=10, activation="relu")], *batch(1))
    for kind in ("activation", "gradient"):
        counts = measured[f"{kind}_histogram"]
        assert counts.shape == (1, 1, BINS)
        assert counts.sum() == 320
    assert measured["activation_range"] == 1
    assert measured["gradient_range"] > 0
