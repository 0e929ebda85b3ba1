"""The stack against the textbook layers and autograd, in float64, step by step."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from harness.subjects.char_mlp.fields import Fields
from harness.subjects.char_mlp.network import MLP
from harness.subjects.char_mlp.stacked import StackedMLP
from harness.subjects.corpus import Corpus
from harness.subjects.streams import stream
from harness.subjects.subject import Comparison, deviation

STEPS = 200  # of the comparison
TOLERANCE = 1e-9  # of it, in float64


def against_textbook(
    fields: Sequence[Fields], seeds: Sequence[int], corpus: Corpus
) -> Iterator[Comparison]:
    """The first of these networks as trained in their stack, against the same alone, plainly.

    Each step starts from the stack's state: in networks where differences grow without bound, as
    in naive ones, a correct step could not be distinguished from a wrong one otherwise.
    """
    torch.set_num_threads(1)
    networks = [
        MLP.initial(f, seed, corpus.vocabulary).to(torch.float64)
        for f, seed in zip(fields, seeds, strict=True)
    ]
    split = corpus.splits(fields[0].context, fields[0].train_words).train
    X, Y = split.tensors()
    draws = [stream(seed, "textbook") for seed in seeds]
    lr = np.array([f.lr for f in fields])
    largest = {"loss": 0.0, "weights": 0.0}
    with torch.no_grad():
        stack = StackedMLP(networks, fields[0])
        for _ in range(STEPS):
            rows = np.stack([
                torch.randint(len(split.X), (fields[0].batch,), generator=draw) for draw in draws
            ])  # (K, B)  # fmt: skip
            network = MLP.restored(fields[0], corpus.vocabulary, stack.member_state(0))
            stack.gradient(split.X[rows], split.Y[rows], lr)
            stack.update()
            loss = textbook_step(network, X[rows[0]], Y[rows[0]], fields[0].lr)
            apart = deviation(np.array([loss]), stack.loss[:1])
            largest["loss"] = max(largest["loss"], apart)
            for name, tensor in stack.member_state(0).items():
                apart = deviation(tensor.numpy(), network.state()[name].detach().numpy())
                largest["weights"] = max(largest["weights"], apart)
    compared = f"textbook layers in float64, {STEPS} steps"
    for quantity, apart in largest.items():
        yield Comparison(compared, quantity, apart, TOLERANCE)


def textbook_step(network: MLP, x: torch.Tensor, y: torch.Tensor, lr: float) -> float:
    """One step of plain SGD by autograd; returns the minibatch's loss, nats."""
    parameters = network.parameters()
    for parameter in parameters:
        parameter.requires_grad_()
        parameter.grad = None
    with torch.enable_grad():
        loss = cross_entropy(network(x), y)
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
    with torch.no_grad():
        for parameter in parameters:
            assert parameter.grad is not None  # noqa: S101 - backward has just set it
            parameter -= lr * parameter.grad
    return loss.item()
