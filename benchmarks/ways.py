"""Ways to take a training step: the lecture's loop, torch.nn, the stack, and the products."""

import itertools

import numba
import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from benchmarks.timing import Way
from harness.subjects.char_mlp.fields import Fields
from harness.subjects.char_mlp.layers.lanes import LANES
from harness.subjects.char_mlp.layers.products import BROAD, TALL, broad_tile
from harness.subjects.char_mlp.members import MOST_AT_ONCE
from harness.subjects.char_mlp.network import MLP
from harness.subjects.char_mlp.stacked import StackedMLP
from harness.subjects.char_mlp.textbook import textbook_step

V = 27
MEMBERS = 12  # of a stack, where nothing else is said
SEED_NETWORK = Fields.model_validate({})
BATCHES = 64  # different minibatches that are gone through


def minibatches(members: int, fields: Fields) -> tuple[np.ndarray, np.ndarray]:
    """Contexts (BATCHES, K, B, C) and next characters (BATCHES, K, B), drawn at random."""
    numbers = np.random.default_rng(0)
    shape = (BATCHES, members, fields.batch)
    return numbers.integers(0, V, (*shape, fields.context)), numbers.integers(0, V, shape)


def stacked(fields: Fields, members: int) -> Way:
    """`MOST_AT_ONCE` steps of a stack, as the trainer takes them."""
    stack = StackedMLP(
        [MLP.initial(fields, seed, V) for seed in range(members)], [fields] * members
    )
    x, y = (part.reshape(-1, *part.shape[3:]) for part in minibatches(members, fields))  # (N, …)
    count = MOST_AT_ONCE
    shape = (BATCHES, members, count, fields.batch)
    rows = np.random.default_rng(1).integers(0, len(y), shape)
    rates, places = np.full(count, 0.01), itertools.cycle(range(BATCHES))

    def steps() -> None:
        place = next(places)
        for k in range(members):
            stack.advance(k, x, y, rows[place, k], rates)

    return steps


def multiply_adds(count: int) -> Way:
    """So many fused multiply-adds of vectors as fast as this core can: what no way goes below."""
    steps = count // (TALL * BROAD * LANES)
    numbers = np.ones((TALL + 1) * BROAD * LANES, np.float32)
    out = np.empty(TALL * BROAD * LANES, np.float32)

    def step() -> None:
        _multiply_adds(steps, numbers, out)

    return step


@numba.njit
def _multiply_adds(steps, numbers, out):  # type: ignore[no-untyped-def]  # numba's
    broad_tile(1.0, numbers, 0, 1, 0, numbers, 0, 0, steps, out, 0, BROAD * LANES)


def textbook(fields: Fields) -> Way:
    """One step of the lecture's loop: textbook layers, autograd, one parameter after the other."""
    network = MLP.initial(fields, 1, V)
    x, y = (torch.from_numpy(part[:, 0]) for part in minibatches(1, fields))
    places = itertools.cycle(range(BATCHES))

    def step() -> None:
        place = next(places)
        textbook_step(network, x[place], y[place], 0.01)

    return step


def torch_nn(fields: Fields) -> Way:
    """One step of the same network in torch.nn with torch.optim.SGD."""
    fan_in = fields.context * fields.embedding
    parts: list[nn.Module] = [nn.Embedding(V, fields.embedding), nn.Flatten()]
    for _ in range(fields.depth):
        parts += [
            nn.Linear(fan_in, fields.width, fields.norm == "none"),
            *_norm(fields.norm, fields.width),
        ]
        parts += [nn.Tanh()]
        fan_in = fields.width
    parts += [nn.Linear(fan_in, V, fields.norm == "none"), *_norm(fields.norm, V)]
    network = nn.Sequential(*parts)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01)
    x, y = (torch.from_numpy(part[:, 0]) for part in minibatches(1, fields))
    places = itertools.cycle(range(BATCHES))

    def step() -> None:
        place = next(places)
        loss = cross_entropy(network(x[place]), y[place])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        optimizer.step()

    return step


def _norm(name: str, width: int) -> list[nn.Module]:
    kinds = {"batch": nn.BatchNorm1d, "layer": nn.LayerNorm}
    return [kinds[name](width)] if name in kinds else []


def products(fields: Fields, members: int) -> Way:
    """The matrix products of a step alone, by torch.bmm: what the other ways are measured by."""
    widths = [fields.context * fields.embedding, *[fields.width] * fields.depth, V]
    signals = [torch.randn(members, fields.batch, width) for width in widths]
    gradients = [torch.randn_like(signal) * 1e-3 for signal in signals]
    weights = [torch.randn(members, a, b) * 0.01 for a, b in itertools.pairwise(widths)]

    def step() -> None:
        for x, weight, out in zip(signals, weights, signals[1:], strict=False):
            torch.bmm(x, weight, out=out)
        for x, weight, out in zip(gradients, weights, gradients[1:], strict=False):
            torch.bmm(out, weight.transpose(1, 2), out=x)
        for x, weight, out in zip(signals, weights, gradients[1:], strict=False):
            weight.baddbmm_(x.transpose(1, 2), out, alpha=-1e-9)

    return step


def jax_scan(fields: Fields, members: int) -> Way:
    """`MOST_AT_ONCE` steps of a stack by jit(vmap(scan)) of jax.

    Raises:
        ImportError: jax is not installed.
    """
    import jax
    import jax.numpy as jnp

    networks = [MLP.initial(fields, seed, V) for seed in range(members)]
    state = {
        name: jnp.stack([jnp.asarray(network.state()[name].numpy()) for network in networks])
        for name in networks[0].state()
    }
    x, y = (jnp.asarray(part.reshape(-1, *part.shape[3:])) for part in minibatches(1, fields))
    blocks = [*(f"hidden.{i}" for i in range(1, fields.depth + 1)), "output"]

    def loss(parameters, buffers, rows):  # type: ignore[no-untyped-def]  # jax's arrays
        signal = parameters["embedding.weight"][x[rows]].reshape(fields.batch, -1)
        for block in blocks:
            signal = signal @ parameters[f"{block}.linear.weight"]
            mean, variance = signal.mean(0), signal.var(0)
            for name, value in (("mean", mean), ("var", variance)):
                key = f"{block}.norm.running_{name}"
                buffers = buffers | {key: 0.9 * buffers[key] + 0.1 * value}
            gamma, beta = (parameters[f"{block}.norm.{name}"] for name in ("gamma", "beta"))
            signal = gamma * (signal - mean) / jnp.sqrt(variance + 1e-5) + beta
            signal = signal if block == "output" else jnp.tanh(signal)
        picked = jnp.take_along_axis(jax.nn.log_softmax(signal), y[rows][:, None], 1)
        return -picked.mean(), buffers

    def step(both, rows):  # type: ignore[no-untyped-def]
        parameters, buffers = both
        gradient, buffers = jax.grad(loss, has_aux=True)(parameters, buffers, rows)
        changed = {name: p - 0.01 * gradient[name] for name, p in parameters.items()}
        return (changed, buffers), None

    program = jax.jit(jax.vmap(lambda both, rows: jax.lax.scan(step, both, rows)[0]))
    trained = {n: t for n, t in state.items() if "running" not in n}
    both = trained, {n: t for n, t in state.items() if "running" in n}
    shape = (BATCHES, members, MOST_AT_ONCE, fields.batch)
    rows = jnp.asarray(np.random.default_rng(1).integers(0, len(y), shape))
    places = itertools.cycle(range(BATCHES))

    def steps() -> None:
        nonlocal both
        both = program(both, rows[next(places)])
        jax.block_until_ready(both)

    return steps
