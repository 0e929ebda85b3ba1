"""Every layer in a program: equal to its textbook form, whatever the shape and the padding."""

import copy
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from harness.subjects.char_mlp import layers
from harness.subjects.char_mlp.layers import functions
from harness.subjects.char_mlp.layers import loss as losses
from harness.subjects.char_mlp.layers.functions import inlined
from harness.subjects.char_mlp.layers.lanes import LANES, put, take
from harness.subjects.char_mlp.layers.memberwise import Memberwise
from harness.subjects.char_mlp.layers.parts import (
    ENERGY,
    LOSS,
    RATE,
    SCALARS,
    Array,
    Program,
    padded,
)
from harness.subjects.char_mlp.layers.signals import energy
from harness.subjects.char_mlp.layers.state import Layout
from harness.subjects.char_mlp.layers.steps import run
from harness.subjects.exact import log

LEVELS = [("norm", name) for name in layers.NORMS[1:]] + [
    ("activation", name) for name in layers.ACTIVATIONS
]
SHAPES = [(2, 2), (7, 5), (32, 100), (33, 27)]  # B, H; odd ones need padding
FORMS = ["Stacked", "Memberwise"]


class Bench:
    """A layer in a program, and the memory of one member."""

    def __init__(self, textbook: Any, form: str, module: Any, shape: tuple[int, int]) -> None:
        self.examples, self.units = shape
        self.dtype = next(iter(textbook.state().values()), torch.zeros(1, dtype=torch.float64))
        self.dtype = self.dtype.numpy().dtype
        kind = Memberwise if form == "Memberwise" else module.Stacked
        layout = Layout()
        self.layer = kind(copy.deepcopy(textbook), self.units, layout)
        self.p = np.zeros((1, padded(layout.size) + LANES), self.dtype)
        for name, place in self.layer.places.items():
            place.of(self.p)[0] = textbook.state()[name].detach().numpy()
        self.s = np.zeros(SCALARS)
        self.s[RATE] = 1.0

    def run_program(self, program: Program, memory: Array) -> None:
        z = np.concatenate([memory, np.zeros(program.size - len(memory), self.dtype)])
        run(program.code(), self.p[0], z, np.zeros(1, np.int64), self.s)
        self.z = z

    def signal(self, place: int, values: Tensor | None = None) -> Tensor:
        """A copy of what lies at a place, (B, H); or put values there, with NaN as padding."""
        batch = padded(self.examples)
        view = self.z[place : place + self.units * batch].reshape(self.units, batch)
        if values is not None:
            view[:] = np.nan
            view[:, : self.examples] = values.numpy().T
        return torch.from_numpy(view[:, : self.examples].T.copy())


def module(kind: str, name: str) -> Any:
    return getattr(layers, kind)(name)


def textbook_layer(kind: str, name: str, width: int, dtype: torch.dtype) -> Any:
    """A textbook layer with a random state."""
    textbook = module(kind, name).Textbook
    layer = textbook(width) if kind == "norm" else textbook()
    generator = torch.Generator().manual_seed(3)
    for attribute, tensor in layer.state().items():
        drawn = torch.rand(tensor.shape, generator=generator, dtype=dtype) + 0.5
        setattr(layer, attribute, drawn)
    return layer


def draw(*shape: int, dtype: torch.dtype, seed: int = 4) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(("kind", "name"), LEVELS)
def test_equal_to_the_textbook_form(
    kind: str, name: str, shape: tuple[int, int], form: str
) -> None:
    exact = torch.float64
    x, d_out = draw(*shape, dtype=exact), draw(*shape, dtype=exact, seed=5)
    textbook = textbook_layer(kind, name, shape[1], exact)
    bench = Bench(textbook, form, module(kind, name), shape)
    bench.dtype = np.dtype(np.float64)

    evaluation = Program(shape[0], bench.dtype)
    source = evaluation.signal(shape[1])
    place = bench.layer.evaluate(evaluation, source)
    bench.z = np.zeros(evaluation.size)
    bench.signal(source, x)
    bench.run_program(evaluation, bench.z)
    textbook.training = False
    close(bench.signal(place), textbook(x))
    textbook.training = True

    training = Program(shape[0], bench.dtype)
    source, gradient = training.signal(shape[1]), training.signal(shape[1])
    place = bench.layer.forward(training, source)
    bench.layer.backward(training, gradient)
    bench.layer.update(training)
    if hasattr(bench.layer, "update_buffers"):
        bench.layer.update_buffers(training)
    bench.z = np.zeros(training.size)
    bench.signal(source, x)
    bench.signal(gradient, d_out)
    bench.run_program(training, bench.z)
    trained = [parameter.requires_grad_() for parameter in textbook.parameters()]
    own_x = x.clone().requires_grad_()
    own_out = textbook(own_x)
    own_d_x, *own = torch.autograd.grad(own_out, [own_x, *trained], d_out)
    close(bench.signal(place), own_out)
    close(bench.signal(gradient), own_d_x)
    for parameter, own_gradient in zip(trained, own, strict=True):
        parameter.detach_().sub_(own_gradient)
    for attribute, tensor in textbook.state().items():
        close(torch.from_numpy(bench.layer.places[attribute].of(bench.p)[0].copy()), tensor)


def close(value: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(value.detach(), expected.detach(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_loss_and_its_gradient(dtype: torch.dtype) -> None:
    logits = 5 * draw(7, 27, dtype=dtype)
    targets = torch.randint(27, (7,), generator=torch.Generator().manual_seed(6))
    program = Program(7, logits.numpy().dtype)
    source, gradient = program.signal(27), program.signal(27)
    program.add(losses.cross_entropy, 27, source, gradient, 0)
    z, s = np.full(program.size, np.nan, logits.numpy().dtype), np.zeros(SCALARS)
    view = z[source : source + 27 * LANES].reshape(27, LANES)
    view[:, :7] = logits.numpy().T
    run(program.code(), z, z, targets.numpy(), s)
    own = logits.clone().requires_grad_()
    expected = cross_entropy(own, targets)
    (own_gradient,) = torch.autograd.grad(expected, [own])
    assert s[LOSS] == pytest.approx(expected.item(), rel=1e-6)
    found = z[gradient : gradient + 27 * LANES].reshape(27, LANES)[:, :7].T.copy()
    torch.testing.assert_close(torch.from_numpy(found), own_gradient)


def added_losses(logits: Tensor, counts: Array) -> Array:
    """What `add_losses` adds for logits (C, V) and counts (C, S, V)."""
    contexts, vocabulary = logits.shape
    z = np.full((vocabulary, padded(contexts)), np.nan, logits.numpy().dtype)
    z[:, :contexts] = logits.numpy().T
    often = np.zeros((*counts.shape[1:], padded(contexts)))
    often[:, :, :contexts] = counts.transpose(1, 2, 0)
    totals = np.zeros(counts.shape[1])
    losses.add_losses(z.ravel(), 0, padded(contexts), often, totals)
    return totals


@pytest.mark.parametrize(("dtype", "rounding"), [(torch.float64, 1e-14), (torch.float32, 1e-7)])
def test_the_loss_over_counted_contexts_is_that_over_their_examples(
    dtype: torch.dtype, rounding: float
) -> None:
    logits = 50 * draw(4, 5, dtype=dtype) - 300  # their exponentials underflow
    counts = torch.randint(4, (4, 2, 5), generator=torch.Generator().manual_seed(6)).double()
    totals = added_losses(logits, counts.numpy())
    for split, often in enumerate(counts.unbind(1)):
        rows, targets = often.nonzero().repeat_interleave(often[often > 0].long(), 0).T
        expected = cross_entropy(logits[rows].double(), targets, reduction="sum")
        assert totals[split] == pytest.approx(expected.item(), rel=rounding)


def test_a_context_outside_a_split_does_not_change_its_loss() -> None:
    logits = draw(2, 5, dtype=torch.float64)
    logits[0] = float("nan")
    counts = np.ones((2, 2, 5))
    counts[0, 1] = 0  # the first context is in the first split only
    totals = added_losses(logits, counts)
    expected = cross_entropy(logits[1].expand(5, -1), torch.arange(5), reduction="sum").item()
    assert np.isnan(totals[0])
    assert totals[1] == pytest.approx(expected)


def elementwise(function: Any) -> Callable[[Array], Array]:
    """A function of vectors, for arrays of float32."""

    @inlined
    def kernel(values: Array, out: Array) -> None:
        for at in range(0, len(values), LANES):
            put(out, at, function(take(values, at)))

    def call(values: Array) -> Array:
        filled = np.zeros(padded(len(values)), np.float32)
        filled[: len(values)] = values
        out = np.empty_like(filled)
        kernel(filled, out)
        found: Array = out[: len(values)]
        return found

    return call


SPREAD, SMALL = np.linspace(-12, 12, 200_001), np.logspace(-30, 0, 20_001)
EVERYWHERE = np.concatenate(
    [SPREAD, SMALL, -SMALL, [0.0, np.inf, -np.inf]], dtype=np.float32, casting="same_kind"
)


@pytest.mark.parametrize(
    ("function", "exact"), [(functions.tanh, math.tanh), (functions.erf, math.erf)]
)
def test_bounded_functions_are_within_five_units_in_the_last_place(
    function: Any, exact: Callable[[float], float]
) -> None:
    expected = np.array([exact(value) for value in EVERYWHERE.tolist()])
    found = elementwise(function)(EVERYWHERE)
    assert (np.abs(found - expected) <= 5 * np.spacing(np.abs(expected).astype(np.float32))).all()
    assert (np.abs(found) <= 1 + 2**-23).all()


def test_exp_is_within_two_units_in_the_last_place() -> None:
    values = np.concatenate([np.linspace(-90, 0, 200_001), -SMALL, [-np.inf, -0.0]]).astype("f4")
    exact = np.exp(np.maximum(values.astype(float), -87))  # below -87 the result is constant
    found = elementwise(functions.exp)(values)
    assert (np.abs(found - exact) <= 2 * np.spacing(exact.astype(np.float32))).all()


@pytest.mark.parametrize("function", [functions.tanh, functions.exp, functions.erf])
def test_of_nan_they_are_nan(function: Any) -> None:
    assert np.isnan(elementwise(function)(np.full(9, np.nan, np.float32))).all()


def test_log_is_within_a_unit_in_the_last_place() -> None:
    values = np.concatenate([np.logspace(-300, 300, 20_001), np.linspace(0.5, 2, 20_001)])
    found = np.array([functions.log(value) for value in values])
    assert np.array_equal(found, log(values))  # the one outside kernels
    exact = np.log(values.astype(np.longdouble))
    assert (np.abs(found - exact) <= np.spacing(np.abs(found))).all()
    assert functions.log(0.0) == -np.inf
    assert functions.log(np.inf) == np.inf
    assert np.isnan(functions.log(-1.0))


@pytest.mark.parametrize(("value", "expected"), [(1.0, 21.0), (np.nan, np.nan), (np.inf, np.inf)])
def test_energy_is_the_sum_of_squares_and_not_finite_if_an_entry_is_not(
    value: float, expected: float
) -> None:
    program = Program(7, np.dtype(np.float32))
    place = program.signal(3)
    program.add(energy, 3, place)
    z, s = np.full(program.size, np.nan, np.float32), np.zeros(SCALARS)
    z[place : place + 3 * LANES].reshape(3, LANES)[:, :7] = 1
    z[place + LANES + 3] = value
    run(program.code(), z, z, np.zeros(1, np.int64), s)
    assert s[ENERGY] == pytest.approx(expected, nan_ok=True)
