"""The predictions of the literature against what a study observed."""

import pandas as pd

from harness.analysis.frames import StudyData
from harness.analysis.grid import grid
from harness.analysis.intervals import Estimate, estimate
from harness.analysis.literature import Cells, Prediction, predictions
from harness.plan import variant_label

COLUMNS = (
    "id", "says", "source", "mode", "quantity", "cells", "expected", "tolerance", "observed", "low",
    "high", "n", "verdict",
)  # fmt: skip


def literature_table(data: StudyData) -> pd.DataFrame:
    """Every prediction that applies to cells of the study, with what was observed.

    Returns:
        COLUMNS. `observed` is the mean over the cells within each seed, then over seeds, with its
        95 % t interval; of a floor it is the lowest run; `cells` is how many cells it is about.
        `verdict` is "agrees", "agrees within noise" (the interval reaches what is predicted),
        "differs", "one seed" (too few to say that it differs), or "not measured".
    """
    rows = [row for prediction in predictions(data) if (row := _row(data, prediction))]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _row(data: StudyData, made: Prediction) -> tuple[object, ...] | None:
    about = _variants(data, made.cells)
    against = _variants(data, made.minus) if made.minus else []
    if not about or (made.minus and not against):
        return None
    table = quantity(data, made.quantity)
    within = (
        table.loc[about].min(skipna=False) if made.at_least else table.loc[about].mean(skipna=False)
    )
    if against:
        within = within - table.loc[against].mean(skipna=False)
    seen = within.dropna().to_numpy()
    found = estimate(seen[[seen.argmin()]] if made.at_least and len(seen) else seen)
    return (
        made.id, made.says, made.source, made.mode, made.quantity, len(about) + len(against),
        made.expected, made.tolerance, found.estimate, found.low, found.high, found.n,
        verdict(made, found),
    )  # fmt: skip


def verdict(made: Prediction, found: Estimate) -> str:
    """Whether the observed mean, or at least its interval, lies where it was predicted."""
    if found.n == 0:
        return "not measured"
    bottom = made.expected - made.tolerance
    top = float("inf") if made.at_least else made.expected + made.tolerance
    if bottom <= found.estimate <= top:
        return "agrees"
    if found.n == 1 and not made.at_least:
        return "one seed"
    return "agrees within noise" if found.high >= bottom and found.low <= top else "differs"


def _variants(data: StudyData, cells: Cells) -> list[str]:
    study = data.study
    return [variant_label(cell) for cell in study.cells() if cells(study.fields(cell))]


def quantity(data: StudyData, name: str) -> pd.DataFrame:
    """A quantity of every variant and seed (variants × seeds), NaN where there is none."""
    if "/" in name:
        return grid(data, name).values
    wide = grid(data, data.study.primary).values
    layers = data.init_layers
    if name == "gradient growth from layer 5":
        values = layers[layers["layer"] >= 5].groupby(["variant", "seed"]).apply(_growth)
    elif name == "saturation of layers 2 and up":
        values = layers[layers["layer"] >= 2].groupby(["variant", "seed"])["saturation"].mean()
    else:
        layer = int(name.removeprefix("saturation of layer "))
        values = layers[layers["layer"] == layer].set_index(["variant", "seed"])["saturation"]
    return values.unstack("seed").reindex(index=wide.index, columns=wide.columns)


def _growth(layers: pd.DataFrame) -> float:
    """Geometric mean of the gradient's growth a layer, from the last of these to the first."""
    ordered = layers.sort_values("layer")["gradient_std"].to_numpy()
    return float((ordered[0] / ordered[-1]) ** (1 / max(1, len(ordered) - 1)))
