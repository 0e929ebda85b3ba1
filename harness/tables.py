"""A run's history as long tables: curves for MLflow to draw, and a fine trace kept as Parquet."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.history import ACTIVATION_COLUMNS, BINS, Array, History, schedule
from harness.records import Record
from harness.responses import growth

Piece = dict[str, npt.NDArray[Any]]  # columns of the trace

FINAL_COLUMNS = ("mean", "std", "saturation", "dead")


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
    for at in (step - 1, step):
        values = {
            metric: float(value)
            for metric, curve in CURVES.items()
            if at in (places := curve.at(run))
            for value in curve.of(run.only(places.index(at)))
            if np.isfinite(value)
        }
        if values:
            yield Record(key, at, values)


def trace(run: History) -> pd.DataFrame:
    """Everything measured, as one long table; what was not measured has no row.

    Columns: series, step, layer (0 where there is none), left and right edge of a bin (NaN where
    there is none), value. Series: the `CURVES`, "loss", "dev_loss", the quantities of
    `ACTIVATION_COLUMNS` by layer, "update_data" by weight, "activation_histogram" and
    "gradient_histogram" by layer and bin, and `FINAL_COLUMNS` with "final_" before them.
    """
    pieces = list(_pieces(run))
    columns = {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}
    measured = np.isfinite(columns["value"])
    return pd.DataFrame({name: values[measured] for name, values in columns.items()})


def _pieces(run: History) -> Iterator[Piece]:
    plan = schedule(run.steps)
    for metric, curve in CURVES.items():
        yield _long(metric, np.array(curve.at(run)), curve.of(run)[:, None], first_layer=0)
    ends = np.minimum(np.arange(1, len(run.loss) + 1) * plan.window, run.steps) - 1
    yield _long("loss", ends, run.loss[:, None], first_layer=0)
    yield _long("dev_loss", np.array(plan.evaluations), run.dev_loss[:, None], first_layer=0)
    for name in ACTIVATION_COLUMNS:
        yield _long(name, np.array(plan.probes), run.column(name), first_layer=1)
    yield _long("update_data", np.array(plan.probes), run.update_data, first_layer=0)
    for i, name in enumerate(FINAL_COLUMNS):
        yield _long(f"final_{name}", np.array([run.steps]), run.final_layers[None, :, i], 1)
    yield _bins("activation_histogram", run, run.activation_histogram, None)
    yield _bins("gradient_histogram", run, run.gradient_histogram, run.gradient_range)


def _long(series: str, steps: npt.NDArray[np.int_], values: Array, first_layer: int) -> Piece:
    layers = np.arange(first_layer, first_layer + values.shape[1])
    nothing = np.full(values.size, np.nan)
    return {
        "series": np.full(values.size, series, dtype=object),
        "step": np.repeat(steps, len(layers)),
        "layer": np.tile(layers, len(steps)),
        "left": nothing,
        "right": nothing,
        "value": values.ravel(),
    }


def _bins(series: str, run: History, counts: Array, half_width: Array | None) -> Piece:
    """One row a bin; activations are binned over ±1, gradients over ± their own range."""
    depth = counts.shape[1]
    scale = np.ones((2, depth)) if half_width is None else half_width
    edges = np.linspace(-1, 1, BINS + 1) * scale[:, :, None]  # (2, L, BINS + 1)
    return {
        "series": np.full(counts.size, series, dtype=object),
        "step": np.repeat([0, run.steps - 1], depth * BINS),
        "layer": np.tile(np.repeat(np.arange(1, depth + 1), BINS), 2),
        "left": edges[:, :, :-1].ravel(),
        "right": edges[:, :, 1:].ravel(),
        "value": counts.ravel(),
    }
