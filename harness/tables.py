"""A run's history as one long table: the fine trace that is kept as Parquet."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from harness.curves import CURVES
from harness.history import ACTIVATION_COLUMNS, BINS, FINAL_COLUMNS, Array, History, schedule

Piece = dict[str, npt.NDArray[Any]]  # columns of the trace


def trace(run: History) -> pa.Table:
    """Everything measured, as one long table; what was not measured has no row.

    Columns: series, step, layer (0 where there is none), left and right edge of a bin (NaN where
    there is none), value. Series: the `CURVES`, "loss", "dev_loss", the quantities of
    `ACTIVATION_COLUMNS` by layer, "update_data" by weight, "activation_histogram" and
    "gradient_histogram" by layer and bin, and `FINAL_COLUMNS` with "final_" before them.
    """
    pieces = list(_pieces(run))
    columns = {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}
    measured = np.isfinite(columns["value"])
    return pa.table(
        {name: pa.array(values[measured], from_pandas=True) for name, values in columns.items()}
    )


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
    for name in FINAL_COLUMNS:
        yield _long(f"final_{name}", np.array([run.steps]), run.final(name)[None], first_layer=1)
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
