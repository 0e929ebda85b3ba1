"""Every stacked layer: equal to its textbook form, and bit-identical in every stack."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from harness.subjects.char_mlp import layers
from harness.subjects.char_mlp.layers.functions import fast_exp
from harness.subjects.char_mlp.layers.kernels import Array, Signal, energies, kernel, row_kernel
from harness.subjects.char_mlp.layers.loss import cross_entropy_counts, cross_entropy_step
from harness.subjects.char_mlp.layers.memberwise import Memberwise
from harness.subjects.char_mlp.layers.norms.batch import BatchNorm1d, StackedBatchNorm
from harness.subjects.char_mlp.layers.state import numpy_dtype

LEVELS = [("norm", name) for name in layers.NORMS[1:]] + [
    ("activation", name) for name in layers.ACTIVATIONS
]
SHAPES = [(1, 2, 2), (3, 7, 5), (2, 32, 100), (5, 33, 27)]  # K, B, H; odd ones need padding


def module(kind: str, name: str) -> Any:
    return getattr(layers, kind)(name)


def make_members(kind: str, name: str, count: int, width: int, dtype: torch.dtype) -> list[Any]:
    """Textbook layers, each with random state."""
    textbook = module(kind, name).Textbook
    generator = torch.Generator().manual_seed(3)
    members = [textbook(width) if kind == "norm" else textbook() for _ in range(count)]
    for member in members:
        for attribute, tensor in member.state().items():
            drawn = torch.rand(tensor.shape, generator=generator, dtype=dtype) + 0.5
            setattr(member, attribute, drawn)
    return members


def make_stacked(kind: str, name: str, members: list[Any], rows: int, dtype: torch.dtype) -> Any:
    """The stacked form of copies of the members."""
    stacked = getattr(module(kind, name), "Stacked", Memberwise)
    return stacked(copy.deepcopy(members), rows, dtype)


def draw(*shape: int, dtype: torch.dtype, seed: int = 4) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(("kind", "name"), LEVELS)
def test_equal_to_the_textbook_form(kind: str, name: str, shape: tuple[int, int, int]) -> None:
    count, rows, width = shape
    exact = torch.float64
    members = make_members(kind, name, count, width, exact)
    stacked = make_stacked(kind, name, members, rows, exact)
    x, d_out = draw(*shape, dtype=exact), draw(*shape, dtype=exact, seed=5)

    for k, member in enumerate(members):
        member.training = False
        out = stacked.evaluate(Signal.of(list(x))).tensor[k].clone()
        close(out, member(x[k]))
        member.training = True

    out = stacked.forward(Signal.of(list(x))).tensor.clone()
    d_x = stacked.backward(Signal.of(list(d_out))).tensor.clone()
    gradients = {attribute: array.copy() for attribute, array in stacked.gradients().items()}
    stacked.update()
    for k, member in enumerate(members):
        names = {id(tensor): attribute for attribute, tensor in member.state().items()}
        trained = [parameter.requires_grad_() for parameter in member.parameters()]
        own_x = x[k].clone().requires_grad_()
        own_out = member(own_x)
        own_d_x, *own = torch.autograd.grad(own_out, [own_x, *trained], d_out[k])
        close(out[k], own_out)
        close(d_x[k], own_d_x)
        for parameter, gradient in zip(trained, own, strict=True):
            close(torch.from_numpy(gradients[names[id(parameter)]][k]), gradient)
            parameter.detach_().sub_(gradient)
        for attribute, tensor in member.state().items():
            close(stacked.state[attribute][k], tensor)


def close(value: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(value.detach(), expected.detach(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(("kind", "name"), LEVELS)
def test_a_members_bits_do_not_depend_on_the_stack(
    kind: str, name: str, shape: tuple[int, int, int]
) -> None:
    count, rows, width = shape
    single = torch.float32
    members = make_members(kind, name, count, width, single)
    x, d_out = draw(*shape, dtype=single), draw(*shape, dtype=single, seed=5)
    together = step(make_stacked(kind, name, members, rows, single), x, d_out)
    for k in range(count):
        alone = make_stacked(kind, name, members[k : k + 1], rows, single)
        for one, all_ in zip(step(alone, x[k : k + 1], d_out[k : k + 1]), together, strict=True):
            assert torch.equal(one[0], all_[k])


def step(layer: Any, x: Tensor, d_out: Tensor) -> list[Tensor]:
    """Everything one step of a stacked layer computes."""
    out = layer.forward(Signal.of(list(x))).tensor.clone()
    d_x = layer.backward(Signal.of(list(d_out))).tensor.clone()
    gradients = [torch.tensor(gradient) for gradient in layer.gradients().values()]
    layer.update()
    evaluated = layer.evaluate(Signal.of(list(x))).tensor.clone()
    return [out, d_x, *gradients, *layer.state.values(), evaluated]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_loss_gives_the_gradient_times_the_learning_rate(dtype: torch.dtype) -> None:
    logits = 5 * draw(3, 7, 27, dtype=dtype)
    targets = torch.randint(27, (3, 7), generator=torch.Generator().manual_seed(6))
    lr = np.array([0.1, 1.0, 3.0], numpy_dtype(dtype))
    loss, gradient = np.zeros(3), np.zeros((3, 7, 27), numpy_dtype(dtype))
    cross_entropy_step(logits.numpy(), 27, targets.numpy(), lr, loss, gradient)
    for k in range(3):
        own = logits[k].clone().requires_grad_()
        expected = cross_entropy(own, targets[k])
        (own_gradient,) = torch.autograd.grad(expected, [own])
        assert loss[k] == pytest.approx(expected.item(), rel=1e-6)
        torch.testing.assert_close(torch.from_numpy(gradient[k]), own_gradient * float(lr[k]))


@pytest.mark.parametrize(("dtype", "rounding"), [(torch.float64, 1e-14), (torch.float32, 1e-7)])
def test_the_loss_over_counted_contexts_is_that_over_their_examples(
    dtype: torch.dtype, rounding: float
) -> None:
    logits = 50 * draw(3, 4, 5, dtype=dtype) - 300  # their exponentials underflow
    counts = torch.randint(4, (4, 2, 5), generator=torch.Generator().manual_seed(6)).double()
    totals = np.zeros((3, 2))
    cross_entropy_counts(logits.numpy(), counts.numpy(), totals)
    for split, often in enumerate(counts.unbind(1)):
        rows, targets = often.nonzero().repeat_interleave(often[often > 0].long(), 0).T
        for k in range(3):
            expected = cross_entropy(logits[k, rows].double(), targets, reduction="sum")
            assert totals[k, split] == pytest.approx(expected.item(), rel=rounding)


def test_a_context_outside_a_split_does_not_change_its_loss() -> None:
    logits = draw(1, 2, 5, dtype=torch.float64)
    logits[:, 0] = float("nan")
    counts = np.ones((2, 2, 5))
    counts[0, 1] = 0  # the first context is in the first split only
    totals = np.zeros((1, 2))
    cross_entropy_counts(logits.numpy(), counts, totals)
    expected = cross_entropy(logits[0, 1].expand(5, -1), torch.arange(5), reduction="sum").item()
    assert np.isnan(totals[0, 0])
    assert totals[0, 1] == pytest.approx(expected)


def tanh(values: Tensor) -> Tensor:
    """The stacked tanh of some float32 values."""
    layer = layers.activation("tanh").Stacked()
    out: Signal = layer.forward(Signal.of([values[:, None]]))
    return out.tensor[0, :, 0]


def test_the_fast_tanh_is_within_five_units_in_the_last_place() -> None:
    spread = torch.linspace(-12, 12, 200_001)
    small = torch.logspace(-30, 0, 20_001)
    values = torch.cat([spread, small, -small, torch.tensor([0.0, torch.inf, -torch.inf])])
    exact = np.tanh(values.double().numpy())
    got = tanh(values).numpy()
    unit = np.spacing(np.abs(exact).astype(np.float32))
    assert (np.abs(got - exact) <= 5 * unit).all()
    assert (np.abs(got) <= 1).all()


def test_the_fast_tanh_of_nan_is_nan() -> None:
    assert torch.isnan(tanh(torch.tensor([torch.nan] * 9))).all()


@kernel
def exponentials(values: Array, out: Array) -> None:
    for i in range(len(values)):
        out[i] = fast_exp(values[i])


@row_kernel
def reordered_exponentials(values: Array, out: Array) -> None:
    for i in range(len(values)):
        out[i] = fast_exp(values[i])


@pytest.mark.parametrize("compiled", [exponentials, reordered_exponentials])
def test_the_fast_exp_is_within_two_units_in_the_last_place(compiled: Callable[..., None]) -> None:
    spread, small = np.linspace(-90, 0, 200_001), -np.logspace(-30, 0, 20_001)
    values = np.concatenate([spread, small, [-np.inf, -0.0]], dtype=np.float32)
    got = np.empty_like(values)
    compiled(values, got)
    exact = np.exp(np.maximum(values.astype(float), -87))  # below -87 the result is constant
    assert (np.abs(got - exact) <= 2 * np.spacing(exact.astype(np.float32))).all()


def test_the_fast_exp_of_nan_is_nan() -> None:
    got = np.zeros(9, np.float32)
    exponentials(np.full(9, np.nan, np.float32), got)
    assert np.isnan(got).all()


def test_energies_are_sums_of_squares_and_not_finite_if_an_entry_is_not() -> None:
    signals = draw(4, 7, 5, dtype=torch.float32)
    signals[1, 3, 2] = torch.nan
    signals[2, 6, 4] = torch.inf
    energy = np.zeros(4)
    signal = Signal.of(list(signals))
    energies(signal.array, signal.rows, energy)
    np.testing.assert_allclose(energy[[0, 3]], signals[[0, 3]].square().sum((1, 2)), rtol=1e-6)
    assert np.isnan(energy[1])
    assert np.isinf(energy[2])


def test_padding_does_not_change_results() -> None:
    layer = StackedBatchNorm([BatchNorm1d(5)], 7, torch.float32)
    x = draw(1, 7, 5, dtype=torch.float32)
    clean, dirty = Signal.of(list(x)), Signal.of(list(x))
    dirty.array[:] = np.nan
    dirty.tensor.copy_(x)
    assert torch.equal(layer.forward(clean).tensor, layer.forward(dirty).tensor)
