"""The stack computes the same as the textbook layers, in float64, where rounding hides nothing."""

from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from harness.subjects.char_mlp.cost import parameters
from harness.subjects.char_mlp.fields import Fields
from harness.subjects.char_mlp.layers import ACTIVATIONS, NORMS
from harness.subjects.char_mlp.layers.activations.gelu import GELU
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
    {"norm": "layer", "batch": 1, "width": 2, "embedding": 1, "context": 2},
    {"norm": "none", "output_norm": "batch", "batch": 17, "width": 17, "embedding": 17},
    {"width": 112, "context": 1, "depth": 2, "batch": 20},
]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_200_steps_in_float64(shape: dict[str, object]) -> None:
    members = [
        Fields.model_validate({"depth": 3, "width": 40, "lr": lr, "gain": gain} | shape)
        for lr, gain in ((0.1, 1.0), (0.2, 0.8), (0.05, 5 / 3))
    ]
    numbers = np.random.default_rng(3)
    x = numbers.integers(0, V, (500, members[0].context))
    y = numbers.integers(0, V, 500)
    rows = numbers.integers(0, 500, (3, STEPS, members[0].batch))
    initial = [MLP.initial(f, seed, V).to(torch.float64) for seed, f in enumerate(members)]
    with torch.no_grad():
        stack = StackedMLP(initial, members)
        found = [stack.advance(k, x, y, rows[k], np.full(STEPS, f.lr))
                 for k, f in enumerate(members)]  # fmt: skip
    assert [taken for _, taken in found] == [STEPS] * 3
    for k, fields in enumerate(members):
        network = MLP.initial(fields, k, V).to(torch.float64)
        for step in range(STEPS):
            mine = rows[k, step]
            tokens, targets = torch.from_numpy(x[mine]), torch.from_numpy(y[mine])
            loss = textbook_step(network, tokens, targets, fields.lr)
            assert found[k][0][step] == pytest.approx(loss, abs=1e-9)
        for name, tensor in network.state().items():
            apart = (stack.member_state(k)[name] - tensor.detach()).abs().max().item()
            assert apart < 1e-9, name


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("decay", [0.0, 0.01])
def test_momentum_and_weight_decay_are_those_of_torch(momentum: float, decay: float) -> None:
    steps, numbers = 50, np.random.default_rng(3)
    fields = Fields(depth=2, width=30, lr=0.05, momentum=momentum, weight_decay=decay)
    x, y = numbers.integers(0, V, (500, 3)), numbers.integers(0, V, 500)
    rows = numbers.integers(0, 500, (steps, 32))
    network = MLP.initial(fields, 1, V).to(torch.float64)
    stack = StackedMLP([network], [fields])
    stack.advance(0, x, y, rows, np.full(steps, fields.lr))
    parameters = [parameter.requires_grad_() for parameter in network.parameters()]
    optimizer = torch.optim.SGD(parameters, fields.lr, momentum, weight_decay=decay)
    for mine in rows:
        loss = cross_entropy(network(torch.from_numpy(x[mine])), torch.from_numpy(y[mine]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    for name, tensor in network.state().items():
        assert (stack.member_state(0)[name] - tensor.detach()).abs().max() < 1e-9, name


def test_a_member_without_momentum_is_the_same_beside_one_with_it() -> None:
    plain = Fields(depth=1, width=20, lr=0.1)
    heavy = plain.model_copy(update={"momentum": 0.9, "weight_decay": 0.01})
    numbers = np.random.default_rng(3)
    x, y = numbers.integers(0, V, (500, 3)), numbers.integers(0, V, 500)
    rows, rates = numbers.integers(0, 500, (20, 32)), np.full(20, 0.1)
    states = []
    for fields in ([plain], [heavy, plain]):
        stack = StackedMLP([MLP.initial(plain, 1, V) for _ in fields], fields)
        stack.advance(len(fields) - 1, x, y, rows, rates)
        states.append(stack.member_state(len(fields) - 1))
    assert all(torch.equal(tensor, states[1][name]) for name, tensor in states[0].items())


def test_steps_at_once_and_one_by_one_with_measurements_are_the_same() -> None:
    fields = Fields(depth=2, width=33, norm="layer", residual=True, weight_decay=0.01)
    numbers = np.random.default_rng(3)
    x, y = numbers.integers(0, V, (500, 3)), numbers.integers(0, V, 500)
    rows = numbers.integers(0, 500, (20, 32))
    once, singly = (StackedMLP([MLP.initial(fields, 1, V)], [fields]) for _ in range(2))
    losses, taken = once.advance(0, x, y, rows, np.full(20, 0.1))
    assert taken == 20
    for mine, expected in zip(rows, losses, strict=True):
        assert singly.gradient(0, x[mine], y[mine]) == (expected, True)
        singly.apply(0, 0.1)
    assert np.array_equal(once.p, singly.p)


def memberwise(fields: Fields, activation: Any) -> StackedMLP:
    """A network whose activation has no compiled form."""
    network = MLP.initial(fields, 1, V)
    for block in network.hidden:
        block.layers["activation"] = activation()
    with pytest.MonkeyPatch.context() as patch:
        patch.delattr("harness.subjects.char_mlp.layers.activations.tanh.Stacked")
        return StackedMLP([network], [fields])


class Scaled(GELU):
    """α GELU(x), α trained for each unit; its gradient can be made NaN."""

    broken = False

    def __init__(self) -> None:
        self.alpha = torch.ones(20)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        if self.broken and self.alpha.requires_grad:
            self.alpha.register_hook(lambda gradient: gradient * float("nan"))
        return self.alpha * super().__call__(x)

    def parameters(self) -> list[torch.Tensor]:
        return [self.alpha]

    def state(self) -> dict[str, torch.Tensor]:
        return {"alpha": self.alpha}


def test_measuring_changes_no_bit_of_a_layer_without_a_compiled_form() -> None:
    numbers = np.random.default_rng(3)
    x, y = numbers.integers(0, V, (500, 3)), numbers.integers(0, V, 500)
    rows = numbers.integers(0, 500, (20, 32))
    once, singly = (memberwise(Fields(depth=1, width=20), Scaled) for _ in range(2))
    losses, taken = once.advance(0, x, y, rows, np.full(20, 0.7))
    assert taken == 20
    for mine, expected in zip(rows, losses, strict=True):
        assert singly.gradient(0, x[mine], y[mine]) == (expected, True)
        singly.apply(0, 0.7)
    assert np.array_equal(once.p, singly.p)
    alpha = once.member_state(0)["hidden.1.activation.alpha"]
    assert not torch.equal(alpha, torch.ones(20))


def test_a_gradient_of_such_a_layer_that_is_not_finite_stops_the_member() -> None:
    stack = memberwise(Fields(depth=1, width=20), Scaled)
    before = stack.p.copy()
    stack.network.hidden[0].layers["activation"].textbook.broken = True
    data = np.zeros((9, 3), np.int64), np.zeros(9, np.int64)
    losses, taken = stack.advance(0, *data, np.zeros((3, 32), np.int64), np.ones(3))
    assert (np.isfinite(losses[0]), taken) == (True, 0)
    assert np.array_equal(stack.p, before)


@pytest.mark.parametrize("form", ["forward", "backward"])
def test_an_error_of_a_layer_without_a_kernel_is_raised(form: str) -> None:
    class Broken(GELU):
        def __call__(self, x: torch.Tensor) -> torch.Tensor:
            if form == "forward":
                raise RuntimeError("broken")
            return x.detach()  # nothing to differentiate

    stack = memberwise(Fields(depth=2, width=20), Broken)
    rows = np.zeros((1, 32), np.int64)
    with pytest.raises(RuntimeError, match=r"broken|does not require grad"):
        stack.advance(0, np.zeros((9, 3), np.int64), np.zeros(9, np.int64), rows, np.ones(1))
    assert all(block.layers["activation"].error is None for block in stack.network.hidden)


def test_verify_compares_a_stack_with_the_textbook_layers(tiny: Corpus) -> None:
    fields = [Fields(depth=2, width=20, init=init, momentum=0.5, weight_decay=0.01)
              for init in ("naive", "kaiming")]  # fmt: skip
    found = {one.quantity: one for one in against_textbook(fields, [1, 2], tiny)}
    assert found.keys() == {"loss", "weights", "logits"}
    assert all(one.passed and one.allowed == TOLERANCE for one in found.values())


@pytest.mark.parametrize("norm", NORMS)
def test_verify_compares_a_diverging_network_up_to_its_last_finite_step(
    tiny: Corpus, norm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = [Fields(depth=2, width=20, norm=norm, lr=1e6, weight_decay=10.0)]
    found = {one.quantity: one for one in against_textbook(fields, [1], tiny)}
    assert all(one.passed for one in found.values()), found
    advance = StackedMLP.advance

    def stopping(stack: StackedMLP, *given: Any) -> Any:
        return advance(stack, *given)[0], 0  # though it is finite

    monkeypatch.setattr(StackedMLP, "advance", stopping)
    found = {one.quantity: one for one in against_textbook(fields, [1], tiny)}
    assert not found["loss"].passed


def test_verify_notices_a_wrong_step(tiny: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    advance = StackedMLP.advance

    def wrong(stack: StackedMLP, k: int, *given: Any) -> Any:
        found = advance(stack, k, *given)
        stack.places["embedding.weight"].of(stack.p)[:] += 1e-6
        return found

    monkeypatch.setattr(StackedMLP, "advance", wrong)
    found = {one.quantity: one for one in against_textbook([Fields(depth=1)], [1], tiny)}
    assert not found["weights"].passed
    assert found["weights"].deviation == pytest.approx(1e-6, rel=1e-3)


def test_verify_notices_outputs_that_depend_on_the_batch_in_eval_mode(
    tiny: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    forward = MLP.__call__

    def dependent(network: MLP, x: torch.Tensor) -> torch.Tensor:
        out = forward(network, x)
        return out - 1e-6 * out.mean(0)

    monkeypatch.setattr(MLP, "__call__", dependent)
    found = {one.quantity: one for one in against_textbook([Fields(depth=1)], [1], tiny)}
    assert not found["logits"].passed


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
