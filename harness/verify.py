"""Proof that stacking changes nothing: runs retrained alone and restacked, and against textbook."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch
from torch.nn.functional import cross_entropy

from harness.corpus import Corpus
from harness.layers.kernels import Array
from harness.minibatches import Minibatches
from harness.network import MLP
from harness.plan import Cohort, Run
from harness.records import Result
from harness.stack import Stack
from harness.tables import trace
from harness.trainer import train

STEPS = 200  # of the comparison with the textbook layers
TOLERANCE = 1e-9  # of it, in float64
NEIGHBOURS = 2  # other runs that a sampled one is restacked with
LARGEST_SAMPLE = 6  # runs


@dataclass(frozen=True)
class Finding:
    """One comparison of one run.

    Attributes:
        run: which was looked at.
        compared: with what.
        quantity: of which.
        deviation: the largest absolute difference.
        allowed: up to which it passes.
    """

    run: Run
    compared: str
    quantity: str
    deviation: float
    allowed: float

    @property
    def passed(self) -> bool:
        """Whether the difference is as small as it must be."""
        return self.deviation <= self.allowed


def sampled(runs: Sequence[Run]) -> list[Run]:
    """Runs to look at: of several shapes one each, from another place of the grid each time."""
    shapes: dict[tuple[object, ...], list[Run]] = {}
    for run in runs:
        shapes.setdefault(run.fields.shape, []).append(run)
    chosen = [alike[(7 * number) % len(alike)] for number, alike in enumerate(shapes.values())]
    step = -(-len(chosen) // LARGEST_SAMPLE)
    return chosen[::step]


def retrained(run: Run, others: Sequence[Run], corpus: Corpus) -> Result:
    """The run trained once more, stacked with these others."""
    for event in train(Cohort((*others, run)), corpus):
        if isinstance(event, Result) and event.key == run.key:
            return event
    raise RuntimeError("a trainer must yield a result for each of its runs")


def neighbours(run: Run, runs: Sequence[Run]) -> list[Run]:
    """Other runs of its shape, to be stacked with it; of another seed if the study has none."""
    alike = [other for other in runs if other.fields.shape == run.fields.shape and other != run]
    return alike[:NEIGHBOURS] or [replace(run, key=f"{run.key}+1", seed=run.seed + 1)]


def restacked(run: Run, alone: Result, runs: Sequence[Run], corpus: Corpus) -> Iterator[Finding]:
    """The run as trained alone against itself trained in a stack with others."""
    together = retrained(run, neighbours(run, runs), corpus)
    yield from bit_differences(run, "restacked", alone, together.weights,
                               trace(together.history).to_pandas())  # fmt: skip


def bit_differences(
    run: Run, compared: str, alone: Result, weights: Mapping[str, Array], table: pd.DataFrame
) -> Iterator[Finding]:
    """The largest differences in weights and in everything measured; none is allowed."""
    apart = max(_deviation(weights[name], ours) for name, ours in alone.weights.items())
    yield Finding(run, compared, "weights", apart, 0.0)
    ours = trace(alone.history).to_pandas()
    alike = ours.drop(columns="value").equals(table.drop(columns="value"))
    values = [frame["value"].to_numpy() for frame in (ours, table)]
    apart = _deviation(*values) if alike else float("inf")
    yield Finding(run, compared, f"{len(ours):,} measurements", apart, 0.0)


def _deviation(one: Array, other: Array) -> float:
    """Largest absolute difference; not a number on both sides is none, on one side infinite."""
    apart = np.abs(one.astype(np.float64) - other.astype(np.float64))
    apart[(one == other) | (np.isnan(one) & np.isnan(other))] = 0
    return float(np.nan_to_num(apart, nan=np.inf).max(initial=0.0))


def against_textbook(run: Run, runs: Sequence[Run], corpus: Corpus) -> Iterator[Finding]:
    """The stack against the textbook layers and autograd, in float64, step by step.

    Each step starts from the stack's state, so that a network in which differences grow without
    bound, as the naive ones are, cannot be told from a wrong one.
    """
    members = [run, *neighbours(run, runs)]
    networks = [MLP.initial(m.fields, m.seed, corpus.vocabulary).to(torch.float64) for m in members]
    split = corpus.splits(run.fields.context, run.fields.train_words).train
    seeds = [member.seed for member in members]
    minibatches = Minibatches(seeds, len(split.X), run.fields.batch)
    lr = np.array([member.fields.lr for member in members])
    largest = {"loss": 0.0, "weights": 0.0}
    with torch.no_grad():
        stack = Stack(networks, run.fields)
        for step in range(STEPS):
            rows = minibatches.at(step)
            network = MLP.restored(run.fields, corpus.vocabulary, stack.member_state(0))
            stack.gradient(split.X.numpy()[rows], split.Y.numpy()[rows], lr)
            stack.update()
            loss = textbook_step(network, split.X[rows[0]], split.Y[rows[0]], run.fields.lr)
            largest["loss"] = max(largest["loss"], _deviation(np.array([loss]), stack.loss[:1]))
            for name, tensor in stack.member_state(0).items():
                apart = _deviation(tensor.numpy(), network.state()[name].detach().numpy())
                largest["weights"] = max(largest["weights"], apart)
    for quantity, deviation in largest.items():
        yield Finding(run, "textbook layers, float64", quantity, deviation, TOLERANCE)


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
