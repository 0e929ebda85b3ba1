"""The debugging checklist for one run: each check with the numbers behind it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from harness.subjects.char_mlp.saved import saved_weights
from harness.subjects.subject import Array, Trained

# Ranges that are usual for networks that train well.
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
        evidence: the numbers behind that, as text.
    """

    says: str
    passed: bool
    evidence: str


def inspect(run: Trained) -> Iterator[str]:
    """The lecture's three tables for the last probed minibatch, and the checklist, as lines."""
    yield from _tables(run.trace, run.fields.activation)
    yield "\nchecklist"
    for check in checklist(run):
        yield f"  {'pass' if check.passed else 'FAIL'}  {check.says}: {check.evidence}"


def _tables(trace: pd.DataFrame, activation: str) -> Iterator[str]:
    if "mean" not in set(trace["series"]):
        yield "\nthe run diverged before anything was measured"
        return
    step = int(trace.loc[trace["series"] == "mean", "step"].max())
    yield f"\nactivations ({activation}, training mode, minibatch of step {step:,})"
    mean, std, saturation = (last(trace, name) for name in ("mean", "std", "saturation"))
    for layer in mean.index:
        saturated = f", saturated: {saturation[layer]:.2%}" if layer in saturation else ""
        yield f"layer {layer:2d}: mean {mean[layer]:+.2f}, std {std[layer]:.2f}{saturated}"
    yield "\ngradients of the outputs"
    for layer, value in last(trace, "gradient_std").items():
        yield f"layer {layer:2d}: std {value:e}"
    yield "\nupdate:data, log10"
    ends = {0: "embedding", len(mean) + 1: "last weight"}
    updates = last(trace, "update_data")
    for number in updates.index:
        yield f"{ends.get(number, f'weight {number}'):>12}: {updates[number]:+.2f}"


def checklist(run: Trained) -> Iterator[Check]:
    """The checks that apply to a run; those of layers are of its last probe."""
    trace, outcome = run.trace, run.outcome
    losses = trace[trace["series"] == "loss"]["value"]
    yield Check(
        "losses and gradients finite at every step",
        outcome == "finished",
        f"outcome {outcome}; highest loss {losses.max():.4f}",
    )
    yield from _running_statistics(saved_weights(run))
    yield _within("activation means near 0", last(trace, "mean").abs(), 0, MEAN)
    yield _within("activation std in range", last(trace, "std"), *STD)
    if run.fields.activation == "tanh":
        yield _within("saturation in range", last(trace, "saturation"), 0, SATURATION)
    gradients = last(trace, "gradient_std")
    ratio = gradients.max() / gradients.min()
    yield Check(
        f"gradients of similar size across layers (ratio under {GRADIENT_RATIO:g})",
        bool(ratio < GRADIENT_RATIO),
        f"largest over smallest {ratio:.2f}",
    )
    yield _within("update:data near −3", last(trace, "update_data"), *UPDATE)


def last(trace: pd.DataFrame, series: str) -> "pd.Series[float]":
    """A series at its last step, by number of the layer or weight."""
    rows = trace[trace["series"] == series]
    rows = rows[rows["step"] == rows["step"].max()]
    values: pd.Series[float] = rows.set_index("layer")["value"]
    return values


def _within(says: str, values: "pd.Series[float]", low: float, high: float) -> Check:
    good = len(values) > 0 and bool(values.between(low, high).all())
    evidence = f"from {values.min():.4f} to {values.max():.4f}"
    return Check(f"{says} ({low:g} to {high:g})", good, evidence)


def _running_statistics(state: Mapping[str, Array]) -> Iterator[Check]:
    statistics = {name: values for name, values in state.items() if ".running_" in name}
    if statistics:
        shapes = {name: state[f"{name.rpartition('.')[0]}.gamma"].shape for name in statistics}
        good = all(np.isfinite(v).all() and v.shape == shapes[n] for n, v in statistics.items())
        positive = all((v >= 0).all() for n, v in statistics.items() if n.endswith("var"))
        evidence = f"{sum(values.size for values in statistics.values())} numbers"
        yield Check("running statistics finite and of the right shape", good and positive, evidence)
