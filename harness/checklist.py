"""The debugging checklist for one run: each check with the number that it rests on."""

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd
import torch

from harness.fields import Fields
from harness.network import MLP

# Bands in which a network that trains well is usually found; outside them, look closer.
MEAN = 0.25  # |mean| of a layer's activations
STD = (0.1, 0.95)  # of a layer's activations
SATURATION = 0.2  # share of a layer's tanh outputs
GRADIENT_RATIO = 10.0  # largest std of a layer's gradients over the smallest
UPDATE = (-4.0, -2.0)  # log10 update:data of a weight


@dataclass(frozen=True)
class Check:
    """One line of the checklist.

    Attributes:
        says: what should hold.
        passed: whether it does.
        rests_on: the number behind that, as text.
    """

    says: str
    passed: bool
    rests_on: str


def checklist(trace: pd.DataFrame, network: MLP, fields: Fields, outcome: str) -> Iterator[Check]:
    """Every check that applies to a run, on its last probe where it is about layers."""
    losses = trace[trace["series"] == "loss"]["value"]
    yield Check("losses and gradients finite at every step", outcome == "finished",
                f"outcome {outcome}; highest loss {losses.max():.4f}")  # fmt: skip
    yield from _running_statistics(network)
    yield _within("activation means near 0", last(trace, "mean").abs(), 0, MEAN)
    yield _within("activation std in range", last(trace, "std"), *STD)
    if fields.activation == "tanh":
        yield _within("saturation in range", last(trace, "saturation"), 0, SATURATION)
    gradients = last(trace, "gradient_std")
    ratio = gradients.max() / gradients.min()
    yield Check(f"gradients of like size across layers (ratio under {GRADIENT_RATIO:g})",
                bool(ratio < GRADIENT_RATIO), f"largest over smallest {ratio:.2f}")  # fmt: skip
    yield _within("update:data near −3", last(trace, "update_data"), *UPDATE)
    yield _same_in_eval_mode(network, fields)


def last(trace: pd.DataFrame, series: str) -> "pd.Series[float]":
    """A quantity's values at the last probe, one a layer (or a weight), by its number."""
    rows = trace[trace["series"] == series]
    rows = rows[rows["step"] == rows["step"].max()]
    values: pd.Series[float] = rows.set_index("layer")["value"]
    return values


def _within(says: str, values: "pd.Series[float]", low: float, high: float) -> Check:
    good = len(values) > 0 and bool(values.between(low, high).all())
    return Check(f"{says} ({low:g} to {high:g})", good,
                 f"from {values.min():.4f} to {values.max():.4f}")  # fmt: skip


def _running_statistics(network: MLP) -> Iterator[Check]:
    statistics = {name: t for name, t in network.state().items() if ".running_" in name}
    if statistics:
        widths = {name: network.state()[f"{name.rpartition('.')[0]}.gamma"].shape
                  for name in statistics}  # fmt: skip
        good = all(t.isfinite().all() and t.shape == widths[name] for name, t in statistics.items())
        positive = all((t >= 0).all() for name, t in statistics.items() if name.endswith("var"))
        yield Check("running statistics finite and of the right shape", good and positive,
                    f"{sum(t.numel() for t in statistics.values())} numbers")  # fmt: skip


@torch.no_grad()
def _same_in_eval_mode(network: MLP, fields: Fields) -> Check:
    """In eval mode a context's logits depend on nothing else in the batch."""
    numbers = torch.Generator().manual_seed(0)
    vocabulary = len(network.embedding.weight)
    contexts = torch.randint(vocabulary, (64, fields.context), generator=numbers)
    network.train(False)
    apart = (network(contexts)[:1] - network(contexts[:1])).abs().max().item()
    network.train()
    return Check("eval mode: a context alone and in a batch get the same logits",
                 apart < 1e-4, f"largest difference {apart:.1e}")  # fmt: skip
