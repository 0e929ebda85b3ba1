"""From long tables of every run to the tidy tables of a study."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.analysis.frames import TABLES, StudyData, runs_types, typed
from harness.analysis.intervals import mean_intervals
from harness.plan import variant_label
from harness.study import Study

BINS_SHOWN = 40  # of each histogram
LAYERS_SHOWN = 3  # first, middle, last: of which histograms are kept
WEIGHTS_SHOWN = 8  # evenly spread, first and last included: whose update:data is kept


def gather(
    *,
    study: Study,
    facts: dict[str, str],
    runs: pd.DataFrame,
    curves: pd.DataFrame,
    layers: pd.DataFrame,
    updates: pd.DataFrame,
    histograms: pd.DataFrame,
) -> StudyData:
    """Average what the store holds of each run over seeds, and keep what a report shows.

    Args:
        study: the resolved study.
        facts: about the study as a whole.
        runs: one row a run, with the columns of `StudyData.runs`; missing ones become empty.
        curves: run_key, metric, step, value.
        layers: run_key, when, layer, quantity, value.
        updates: run_key, step, weight, value.
        histograms: run_key, kind, when, layer, left, right, count.
    """
    order = [variant_label(cell) for cell in study.cells()]
    runs = _in_order(typed(runs, runs_types(study)), order, ["seed", "run_key"])
    names = runs.drop_duplicates("run_key")[["run_key", "variant", "seed"]]

    def named(table: pd.DataFrame) -> pd.DataFrame:
        return table.merge(names, on="run_key")

    layers = named(layers)
    tables = {
        "curves": mean_intervals(named(curves), ["variant", "metric", "step"]),
        "layers": mean_intervals(layers, ["variant", "when", "layer", "quantity"]),
        "init_layers": _init_layers(layers),
        "updates": _updates(named(updates)),
        "histograms": _histograms(named(histograms)),
    }
    for name, table in tables.items():
        keys = [column for column in ("metric", "kind", "when", "seed", "quantity", "step", "layer",
                                      "weight", "left") if column in table]  # fmt: skip
        tables[name] = _in_order(rounded(typed(table, TABLES[name])), order, keys)
    return StudyData(study=study, facts=facts, runs=runs, **tables)


def shown(count: int, most: int) -> list[int]:
    """At most so many of the numbers 1..count, evenly spread, first and last included.

    >>> shown(5, 3)
    [1, 3, 5]
    """
    return sorted({round(i) for i in np.linspace(1, count, min(most, count))})


def rounded(table: pd.DataFrame, digits: int = 5) -> pd.DataFrame:
    """The table with its fractions cut to so many significant digits: figures need no more."""
    fractions = table.select_dtypes("float64")
    cut = table.copy()
    for name in fractions:
        cut[name] = [float(f"{x:.{digits}g}") for x in table[name]]
    return cut.astype(dict.fromkeys(fractions, "float64"))


def _in_order(table: pd.DataFrame, variants: list[str], keys: list[str]) -> pd.DataFrame:
    """Rows by variant in the study's order (others after them, by name), then by the keys."""
    rank = {variant: i for i, variant in enumerate(variants)}
    place = table["variant"].map(rank).fillna(len(rank))
    ordered = table.assign(_place=place).sort_values(["_place", "variant", *keys], kind="stable")
    return ordered.drop(columns="_place").reset_index(drop=True)


def _init_layers(layers: pd.DataFrame) -> pd.DataFrame:
    """Saturation and gradient std of every run at init, side by side."""
    init = layers[layers["when"] == "init"]
    init = init.drop_duplicates(["variant", "seed", "layer", "quantity"])
    return init.pivot(
        index=["variant", "seed", "layer"], columns="quantity", values="value"
    ).reset_index()


def _updates(updates: pd.DataFrame) -> pd.DataFrame:
    """Mean over seeds of some of the weights' update:data ratios."""
    last = updates.groupby("variant")["weight"].transform("max")
    kept = _kept(updates["weight"] + 1, last + 1, WEIGHTS_SHOWN)
    return mean_intervals(updates[kept], ["variant", "step", "weight"])


def _kept(places: pd.Series, ends: pd.Series, most: int) -> npt.NDArray[np.bool_]:
    """Whether each place is one of the few `shown` of 1..end."""
    few = {end: shown(end, most) for end in ends.unique()}
    pairs = zip(places, ends, strict=True)
    return np.array([place in few[end] for place, end in pairs], dtype=bool)


def _histograms(histograms: pd.DataFrame) -> pd.DataFrame:
    """Of each variant's first seed, three layers' bins, merged into `BINS_SHOWN`."""
    first = histograms.groupby("variant")["seed"].transform("min")
    kept = histograms[histograms["seed"] == first]
    depth = kept.groupby("variant")["layer"].transform("max")
    kept = kept[_kept(kept["layer"], depth, LAYERS_SHOWN)]
    keys = ["variant", "kind", "when", "layer"]
    kept = kept.sort_values([*keys, "left"])
    group = kept.groupby(keys)["left"]
    bins = group.cumcount() * BINS_SHOWN // group.transform("size").clip(lower=BINS_SHOWN)
    merged = kept.assign(bin=bins).groupby([*keys, "bin"], as_index=False)
    return merged.agg(left=("left", "min"), right=("right", "max"), count=("count", "sum"))
