"""The stack against the textbook layers and autograd, in float64, step by step."""

from collections.abc import Iterator, Sequence
from math import inf, isfinite
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from harness.errors import UserError
from harness.subjects.char_mlp.fields import Fields
from harness.subjects.char_mlp.network import MLP
from harness.subjects.char_mlp.stacked import StackedMLP
from harness.subjects.corpus import Corpus
from harness.subjects.streams import stream
from harness.subjects.subject import Array, Comparison, deviation

STEPS = 200  # of the comparison
LARGEST_BATCH = 64  # contexts
TOLERANCE = 1e-9  # of it, in float64, relative to numbers above 1
LARGEST = float(np.finfo(np.float32).max)  # of the numbers that training knows


def against_textbook(
    fields: Sequence[Fields], seeds: Sequence[int], corpus: Corpus
) -> Iterator[Comparison]:
    """The first of these networks as trained in their stack, against the same alone, plainly.

    Each step starts from the stack's state: in networks where differences grow without bound, as
    in naive ones, a correct step could not be distinguished from a wrong one otherwise. The
    comparison ends where the network diverges, of which both must say the same, or leaves the range
    of the numbers it is trained in. Differences are relative to numbers above 1.
    """
    torch.set_num_threads(1)
    networks = [
        MLP.initial(f, seed, corpus.vocabulary).to(torch.float64)
        for f, seed in zip(fields, seeds, strict=True)
    ]
    splits = [corpus.splits_of(f, seed).train for f, seed in zip(fields, seeds, strict=True)]
    first, (X, Y) = fields[0], splits[0].tensors()
    draws = [stream(seed, "textbook") for seed in seeds]
    largest = {"loss": 0.0, "weights": 0.0}
    with torch.no_grad():
        stack = StackedMLP(networks, fields)
        for _ in range(STEPS):
            network = MLP.restored(first, corpus.vocabulary, stack.member_state(0))
            velocity = list(stack.velocity(0).values())
            rows = [
                torch.randint(len(split.X), (1, first.batch), generator=generator).numpy()
                for split, generator in zip(splits, draws, strict=True)
            ]
            found = [
                stack.advance(k, split.X, split.Y, rows[k], np.array([fields[k].lr]))
                for k, split in enumerate(splits)
            ]
            (losses, taken), (mine,) = found[0], rows[0]
            x, y = X[mine], Y[mine]
            loss = textbook_step(network, x, y, first.lr, first.momentum, first.weight_decay,
                                 velocity)  # fmt: skip
            gradients = [p.grad for p in network.parameters() if p.grad is not None]
            finite = isfinite(loss) and all(bool(g.isfinite().all()) for g in gradients)
            if finite != bool(taken):
                largest["loss"] = inf
            if not (finite and taken):
                break
            largest["loss"] = max(largest["loss"], relative(losses, np.array([loss])))
            for name, tensor in network.state().items():
                apart = relative(stack.member_state(0)[name].numpy(), tensor.detach().numpy())
                largest["weights"] = max(largest["weights"], apart)
            if max(float(t.abs().max()) for t in network.state().values()) > LARGEST:
                break
    compared = f"textbook layers in float64, {STEPS} steps"
    for quantity, apart in largest.items():
        yield Comparison(compared, quantity, apart, TOLERANCE)
    trained = MLP.restored(first, corpus.vocabulary, stack.member_state(0))
    apart = _apart_in_eval_mode(trained, X)
    yield Comparison("a context alone and in a batch, in eval mode", "logits", apart, TOLERANCE)


@torch.no_grad()
def _apart_in_eval_mode(network: MLP, contexts: torch.Tensor) -> float:
    """How much a context's logits depend on the rest of the batch."""
    network.train(False)
    alone, among = network(contexts[:1]), network(contexts[:LARGEST_BATCH])[:1]  # (1, V)
    return relative(alone.numpy(), among.numpy())


def try_step(fields: Fields, corpus: Corpus) -> None:
    """Train the network of a run for a step, and compute its loss in eval mode.

    Raises:
        UserError: a norm or an activation is not as training needs it.
    """
    torch.set_num_threads(1)
    network = MLP.initial(fields, 0, corpus.vocabulary)
    first, output = network.hidden[0].layers, network.output.layers
    for layer, level, units in (
        (first.get("norm"), fields.norm, fields.width),
        (first["activation"], fields.activation, fields.width),
        (output.get("norm"), fields.output_norm, corpus.vocabulary),
    ):
        if layer is not None:
            try_layer(layer, level, (fields.batch, units))
    low, high = map(float, first["activation"].sloped)
    if not low < high or not isinstance(first["activation"].saturates, bool):
        raise UserError(
            f"{fields.activation}: sloped must be a range and saturates true or false",
            f"({low}, {high}) and {first['activation'].saturates!r}",
            "Correct them.",
        )
    X, Y = corpus.splits_of(fields, 0).train.tensors()
    x, y = X[: fields.batch], Y[: fields.batch]
    textbook_step(network, x, y, fields.lr)
    with torch.no_grad():
        network.train(False)(x)


def try_layer(layer: Any, level: str, shape: tuple[int, int]) -> None:
    """Call a norm or an activation as training does: with a copy of its input and of its state.

    Args:
        layer: in its textbook form; its state stays as it is.
        level: its name.
        shape: of its input, (B, units).

    Raises:
        UserError: its output is not as training needs it.
    """
    kept = {name: tensor.clone() for name, tensor in layer.state().items()}
    if not {id(p) for p in layer.parameters()} <= {id(tensor) for tensor in layer.state().values()}:
        raise UserError(
            f"{level}: a norm or an activation must have its parameters in its state",
            "others",
            "Return them in state().",
        )
    x = torch.randn(shape, generator=stream(0, "check"))
    found = []
    for _ in range(2):
        found.append(layer(x.clone().requires_grad_()))
        for name, tensor in kept.items():
            setattr(layer, name, tensor.clone())
    out, again = found
    if not isinstance(out, torch.Tensor) or (out.shape, out.dtype) != (x.shape, x.dtype):
        tensor = isinstance(out, torch.Tensor)
        received = f"{out.dtype} of shape {tuple(out.shape)}" if tensor else type(out).__name__
        raise UserError(
            f"{level}: a norm or an activation must give a tensor of its input's type and shape",
            f"{received} for {x.dtype} of shape {tuple(x.shape)}",
            "Return one number for each that comes in.",
        )
    if not out.requires_grad:
        raise UserError(
            f"{level}: a norm or an activation must have a gradient",
            "an output without one",
            "Leave out detach() and no_grad().",
        )
    if not torch.equal(out.nan_to_num(), again.nan_to_num()):
        raise UserError(
            f"{level}: a norm or an activation must give the same for the same input",
            "another output in the second call",
            "Draw no random numbers, and keep what changes in state().",
        )


def relative(ours: Array, plain: Array) -> float:
    """The largest difference between two arrays, relative to the numbers of the second above 1."""
    scale = np.maximum(np.abs(plain), 1)
    return deviation(ours / scale, plain / scale)


def textbook_step(
    network: MLP,
    x: torch.Tensor,
    y: torch.Tensor,
    lr: float,
    momentum: float = 0.0,
    decay: float = 0.0,
    velocity: Sequence[torch.Tensor] = (),
) -> float:
    """One step of SGD by autograd, as torch.optim.SGD defines it.

    Args:
        network: is updated.
        x, y: the minibatch, (B, context) and (B,).
        lr, momentum, decay: learning rate, momentum and weight decay.
        velocity: of each parameter, with momentum; is updated.

    Returns:
        The minibatch's loss, nats.
    """
    parameters = network.parameters()
    for parameter in parameters:
        parameter.requires_grad_()
        parameter.grad = None
    with torch.enable_grad():
        loss = cross_entropy(network(x), y)
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
    with torch.no_grad():
        for number, parameter in enumerate(parameters):
            assert parameter.grad is not None  # noqa: S101 - backward has just set it
            change = parameter.grad + decay * parameter
            if momentum:
                change = velocity[number].mul_(momentum).add_(change)
            parameter -= lr * change
    return loss.item()
