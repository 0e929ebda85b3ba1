"""The stack computes what the textbook layers do, where rounding can neither hide nor fake it."""

import numpy as np
import pytest
import torch
from harness.subjects.char_mlp.stack import Stack

from harness.study.plan import parameters
from harness.subjects.char_mlp.fields import Fields
from harness.subjects.char_mlp.layers import ACTIVATIONS, NORMS
from harness.subjects.char_mlp.network import MLP
from harness.training.verify import textbook_step

STEPS, V = 200, 27

SHAPES = [
    *({"norm": norm, "activation": activation} for norm in NORMS for activation in ACTIVATIONS),
    {"residual": True},
    {"residual": True, "width": 30},  # then the first block has a skip connection too
    {"width": 33, "batch": 7, "output_norm": "none"},
    {"norm": "none", "output_norm": "layer", "depth": 1},
]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_200_steps_in_float64(shape: dict[str, object]) -> None:
    members = [
        Fields.model_validate({"depth": 3, "width": 40, "lr": lr, "gain": gain} | shape)
        for lr, gain in ((0.1, 1.0), (0.2, 0.8), (0.05, 5 / 3))
    ]
    numbers = np.random.default_rng(3)
    x = numbers.integers(0, V, (STEPS, 3, members[0].batch, 3))
    y = numbers.integers(0, V, (STEPS, 3, members[0].batch))
    initial = [MLP.initial(f, seed, V).to(torch.float64) for seed, f in enumerate(members)]
    lr = np.array([f.lr for f in members])
    losses = []
    with torch.no_grad():
        stack = Stack(initial, members[0])
        for step in range(STEPS):
            stack.gradient(x[step], y[step], lr)
            assert stack.sound().all()
            stack.update()
            losses.append(stack.loss.copy())
    for k, fields in enumerate(members):
        network = MLP.initial(fields, k, V).to(torch.float64)
        for step in range(STEPS):
            tokens, targets = torch.from_numpy(x[step, k]), torch.from_numpy(y[step, k])
            loss = textbook_step(network, tokens, targets, fields.lr)
            assert losses[step][k] == pytest.approx(loss, abs=1e-9)
        for name, tensor in network.state().items():
            apart = (stack.member_state(k)[name] - tensor.detach()).abs().max().item()
            assert apart < 1e-9, name


def test_the_seed_network_has_47024_parameters() -> None:
    network = MLP.initial(Fields(), 1, V)
    assert sum(p.nelement() for p in network.parameters()) == 47_024 == parameters(Fields(), V)


@pytest.mark.parametrize("norm", NORMS)
def test_parameters_are_counted_as_they_are_made(norm: str) -> None:
    fields = Fields(norm=norm, depth=3, width=17)
    network = MLP.initial(fields, 1, V)
    assert sum(p.nelement() for p in network.parameters()) == parameters(fields, V)


def test_under_batch_norm_naive_init_is_kaiming_with_another_learning_rate() -> None:
    """Weights × α with lr × α² take the same path; so a fixed lr confounds init with lr."""
    alpha, steps, width = 10.0, 50, 100
    fields = Fields(depth=2, width=width, embedding=10, context=10)  # fan-in 100 everywhere
    kaiming = MLP.initial(fields, 1, V).to(torch.float64)
    naive = MLP.initial(fields.model_copy(update={"init": "naive"}), 1, V).to(torch.float64)
    for one, other in zip(
        (*kaiming.hidden, kaiming.output), (*naive.hidden, naive.output), strict=True
    ):
        drawn, weight = one.layers["linear"].weight, other.layers["linear"].weight
        assert torch.allclose(weight, drawn * alpha, rtol=1e-6)  # apart by float32's rounding
        weight.copy_(drawn * alpha)
    for layer in (*(block.layers["norm"] for block in (*kaiming.hidden, *naive.hidden)),
                  kaiming.output.layers["norm"], naive.output.layers["norm"]):  # fmt: skip
        layer.eps = 0.0  # with it the scale does not drop out exactly
    numbers = torch.Generator().manual_seed(0)
    for _ in range(steps):
        x = torch.randint(0, V, (32, 10), generator=numbers)
        y = torch.randint(0, V, (32,), generator=numbers)
        losses = [_step(network, x, y, scale) for network, scale in ((kaiming, 1), (naive, alpha))]
        assert losses[0] == pytest.approx(losses[1], abs=1e-9)


def _step(network: MLP, x: torch.Tensor, y: torch.Tensor, alpha: float) -> float:
    """A step of SGD at 0.1, at 0.1 α² for the weights of Linear."""
    before = {id(b.layers["linear"].weight): b.layers["linear"].weight.detach().clone()
              for b in (*network.hidden, network.output)}  # fmt: skip
    loss = textbook_step(network, x, y, 0.1)
    for block in (*network.hidden, network.output):
        weight = block.layers["linear"].weight
        old = before[id(weight)]
        with torch.no_grad():
            weight.copy_(old + (weight - old) * alpha**2)
    return loss
