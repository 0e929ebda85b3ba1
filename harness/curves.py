"""The curves of a run, for MLflow to draw: followed record by record while it trains."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np

from harness.history import Array, History, schedule
from harness.records import Record
from harness.responses import growth


@dataclass(frozen=True)
class Curve:
    """A number followed over the steps of a run.

    Attributes:
        label: for axes, with the unit in brackets where there is one.
        of: its values, one a measured step; NaN where there is none.
        at: the steps they belong to: the probes, or the evaluations.
    """

    label: str
    of: Callable[[History], Array]
    at: Callable[[History], tuple[int, ...]]


def probes(run: History) -> tuple[int, ...]:
    """The steps whose minibatch was looked into."""
    return schedule(run.steps).probes


def evaluations(run: History) -> tuple[int, ...]:
    """The numbers of finished steps after which the dev loss was taken."""
    return schedule(run.steps).evaluations


CURVES: dict[str, Curve] = {
    "train/loss": Curve("train loss [nats]", lambda run: run.curve_loss, probes),
    "eval/dev_loss": Curve("dev loss [nats]", lambda run: run.dev_loss, evaluations),
    "diag/saturation_worst": Curve(
        "saturation, worst layer", lambda run: run.column("saturation").max(axis=1), probes
    ),
    "diag/saturation_mean": Curve(
        "saturation, mean of layers", lambda run: run.column("saturation").mean(axis=1), probes
    ),
    "diag/dead_units": Curve("dead units", lambda run: run.column("dead").mean(axis=1), probes),
    "diag/gradient_growth": Curve(
        "gradient growth per layer, backwards",
        lambda run: np.array([growth(row) for row in run.column("gradient_std")]),
        probes,
    ),
    "diag/update_data": Curve(
        "log10 update:data", lambda run: np.median(run.update_data[:, 1:], axis=1), probes
    ),
}


def records(key: str, run: History) -> list[Record]:
    """Everything measured so far as one record a step, in order of steps."""
    by_step: dict[int, dict[str, float]] = {}
    for metric, curve in CURVES.items():
        for step, value in zip(curve.at(run), curve.of(run), strict=True):
            if np.isfinite(value):
                by_step.setdefault(step, {})[metric] = float(value)
    return [Record(key, step, by_step[step]) for step in sorted(by_step)]


def record_at(key: str, run: History, step: int) -> Iterator[Record]:
    """What was measured after so many steps: of the last step's minibatch, and the dev loss."""
    only = cache(run.only)
    for at in (step - 1, step):
        values = {
            metric: float(value)
            for metric, curve in CURVES.items()
            if at in (places := curve.at(run))
            for value in curve.of(only(places.index(at)))
            if np.isfinite(value)
        }
        if values:
            yield Record(key, at, values)
