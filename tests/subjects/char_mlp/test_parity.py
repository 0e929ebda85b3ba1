"""The stack computes the same as the textbook layers, in float64, where rounding hides nothing."""

import numpy as np
import pytest
import torch

from harness.subjects.char_mlp.cost import parameters
from harness.subjects.char_mlp.fields import Fields
from harness.subjects.char_mlp.layers import ACTIVATIONS, NORMS
from harness.subjects.char_mlp.network import MLP
from harness.subjects.char_mlp.stacked import StackedMLP
from harness.subjects.char_mlp.textbook import TOLERANCE, against_textbook, textbook_step
from harness.subjects.corpus import Corpus

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
        stack = StackedMLP(initial, members[0])
        for step in range(STEPS):
            stack.gradient(x[step], y[step], lr)
            assert stack.all_finite().all()
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


def test_verify_compares_a_stack_with_the_textbook_layers(tiny: Corpus) -> None:
    fields = [Fields(depth=2, width=20, init=init) for init in ("naive", "kaiming")]
    found = {one.quantity: one for one in against_textbook(fields, [1, 2], tiny)}
    assert found.keys() == {"loss", "weights"}
    assert all(one.passed and one.allowed == TOLERANCE for one in found.values())


def test_verify_notices_a_wrong_step(tiny: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    update = StackedMLP.update

    def wrong_update(stack: StackedMLP) -> None:
        update(stack)
        stack.embedding.weight += 1e-6

    monkeypatch.setattr(StackedMLP, "update", wrong_update)
    found = {one.quantity: one for one in against_textbook([Fields(depth=1)], [1], tiny)}
    assert not found["weights"].passed
    assert found["weights"].deviation == pytest.approx(1e-6, rel=1e-3)


def test_the_seed_network_has_47024_parameters() -> None:
    network = MLP.initial(Fields(), 1, V)
    assert sum(p.nelement() for p in network.parameters()) == 47_024 == parameters(Fields(), V)


@pytest.mark.parametrize("norm", NORMS)
def test_the_cost_counts_the_parameters_of_the_network(norm: str) -> None:
    fields = Fields(norm=norm, depth=3, width=17)
    network = MLP.initial(fields, 1, V)
    assert sum(p.nelement() for p in network.parameters()) == parameters(fields, V)


def test_under_batch_norm_naive_init_is_kaiming_with_another_learning_rate() -> None:
    """Weights × α with lr × α² follow the same path, so a fixed lr confounds init with lr."""
    alpha, steps, width = 10.0, 50, 100
    fields = Fields(depth=2, width=width, embedding=10, context=10)  # fan-in 100 everywhere
    kaiming = MLP.initial(fields, 1, V).to(torch.float64)
    naive = MLP.initial(fields.model_copy(update={"init": "naive"}), 1, V).to(torch.float64)
    for one, other in zip(
        (*kaiming.hidden, kaiming.output), (*naive.hidden, naive.output), strict=True
    ):
        drawn, weight = one.layers["linear"].weight, other.layers["linear"].weight
        assert torch.allclose(weight, drawn * alpha, rtol=1e-6)  # they were rounded to float32
        weight.copy_(drawn * alpha)
    for block in (*kaiming.hidden, kaiming.output, *naive.hidden, naive.output):
        block.layers["norm"].eps = 0.0  # otherwise the scale does not cancel exactly
    numbers = torch.Generator().manual_seed(0)
    for _ in range(steps):
        x = torch.randint(0, V, (32, 10), generator=numbers)
        y = torch.randint(0, V, (32,), generator=numbers)
        losses = [_step(network, x, y, scale) for network, scale in ((kaiming, 1), (naive, alpha))]
        assert losses[0] == pytest.approx(losses[1], abs=1e-9)


def _step(network: MLP, x: torch.Tensor, y: torch.Tensor, alpha: float) -> float:
    """A step of SGD with a learning rate of 0.1, and of 0.1 α² for the weights of Linear."""
    weights = [block.layers["linear"].weight for block in (*network.hidden, network.output)]
    before = [weight.detach().clone() for weight in weights]
    loss = textbook_step(network, x, y, 0.1)
    with torch.no_grad():
        for weight, old in zip(weights, before, strict=True):
            weight.copy_(old + (weight - old) * alpha**2)
    return loss
