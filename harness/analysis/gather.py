"""From the traces of a stored study's runs to the tidy tables of the study."""

from collections.abc import Collection, Iterator, Mapping
from typing import Protocol

import numpy as np
import pandas as pd

from harness.analysis.clustered import clustered_table
from harness.analysis.frames import (
    CLUSTERED,
    ENDED,
    KEYS,
    ROW_ORDER,
    TABLES,
    StudyData,
    runs_types,
    typed,
)
from harness.analysis.intervals import mean_intervals
from harness.analysis.tuning import judged
from harness.study.plan import variant_label
from harness.study.study import Study
from harness.subjects.figures import HeatFigure
from harness.subjects.items import Items
from harness.subjects.subject import Subject

BINS_SHOWN = 40  # of each histogram
LAYERS_SHOWN = 3  # first, middle, last: of which histograms are kept
CANCELLING = 12  # significant digits of covariances, whose differences are small
STEPS_SHOWN = 6  # of quantities by layer over time
WEIGHTS_SHOWN = 8  # evenly spread, first and last included

# Type of each column of the tables of single runs.
RUN_TABLES = {
    name: {"run_key": "str", **keys, "count" if name == "histograms" else "value": "float64"}
    for name, keys in KEYS.items()
}


class Stored(Protocol):
    """A study as `harness.store.reading.StoredStudy` holds it."""

    @property
    def study(self) -> Study:
        """The resolved study."""

    @property
    def facts(self) -> dict[str, str]:
        """About the study as a whole; see `StudyData`."""

    @property
    def runs(self) -> pd.DataFrame:
        """One row a run, with the columns of `StudyData.runs`; missing ones become empty."""

    @property
    def unread(self) -> Mapping[str, str]:
        """Why the files of some runs cannot be read, by key; known after `traces`."""

    def traces(self) -> Iterator[pd.DataFrame]:
        """Traces in batches of runs: run_key, series, step, layer, name, bin, value."""

    def items(self) -> Iterator[tuple[str, Mapping[str, Items]]]:
        """Responses over the items of a split, by key of a finished run, where they are kept."""


def gather(stored: Stored) -> StudyData:
    """Average the runs' measurements over seeds, and keep what a report shows."""
    study = stored.study
    variants = [variant_label(cell) for cell in study.cells()]
    labels = [variant_label(cell) for cell in study.trained()]
    trained = _in_order(typed(stored.runs, runs_types(study)), labels, ["seed", "run_key"])
    runs = trained
    if study.tuned:
        runs = _in_order(judged(study, trained, stored.facts), variants, ["seed", "run_key"])
    ended = runs[runs["outcome"].isin(ENDED)].sort_values(["seed", "run_key"])
    drawn = set(ended.drop_duplicates("variant")["run_key"])
    names = runs.drop_duplicates("run_key")[["run_key", "variant"]]
    found = {n: t.merge(names, on="run_key") for n, t in run_tables(stored, drawn).items()}
    found["weights"] = thinned(found["weights"], "weight", ["variant", "quantity"], WEIGHTS_SHOWN)
    found["probes"] = _few_steps(found["probes"])
    tables = {}
    for name, types in TABLES.items():
        if name == "histograms":
            table = _merge_bins(thinned(found[name], "layer", ["variant"], LAYERS_SHOWN))
        else:
            table = mean_intervals(found[name], ["variant", *KEYS[name]])
        order = [key for key in ROW_ORDER if key in types]
        tables[name] = _in_order(rounded(typed(table, types)), variants, order)
    clustered = clustered_table(study, runs, stored.items(), stored.facts)
    tables["clustered"] = rounded(typed(clustered, CLUSTERED), CANCELLING)
    runs, trained = (with_files(table, stored.unread) for table in (runs, trained))
    return StudyData(study=study, facts=stored.facts, runs=runs, trained=trained, **tables)


def with_files(runs: pd.DataFrame, unread: Mapping[str, str]) -> pd.DataFrame:
    """The runs, with why the files of some cannot be read."""
    why = [unread.get(key, "") for key in runs["run_key"]]
    return runs.assign(files=pd.Series(why, index=runs.index, dtype="str"))


def run_tables(stored: Stored, drawn: Collection[str] | None = None) -> dict[str, pd.DataFrame]:
    """What the traces hold of each table, run by run.

    Only what the tables need is kept of each batch: whole traces of some thousand runs would fill
    the memory.

    Args:
        stored: the study.
        drawn: keys of the runs whose histograms are wanted; None for all.

    Returns:
        By name, the columns of `RUN_TABLES`.
    """
    parts: dict[str, list[pd.DataFrame]] = {name: [] for name in RUN_TABLES}
    for traces in stored.traces():
        for name, part in _reduce(traces, stored.study.model, drawn).items():
            parts[name].append(typed(part, RUN_TABLES[name]))
    nothing = pd.DataFrame()
    return {
        name: pd.concat(part or [typed(nothing, RUN_TABLES[name])], ignore_index=True)
        for name, part in parts.items()
    }


def _reduce(
    traces: pd.DataFrame, subject: Subject, drawn: Collection[str] | None
) -> dict[str, pd.DataFrame]:
    """The rows of these traces that each table needs."""
    series = traces["series"]
    probed = traces[series.isin(list(subject.layers))]
    final = traces[series.isin([f"final_{name}" for name in subject.layers])]
    last = probed.groupby("run_key")["step"].transform("max")
    layers = [
        probed[probed["step"] == 0].assign(when="init"),
        probed[probed["step"] == last].assign(when="last"),
        final.assign(when="final", series=final["series"].str.removeprefix("final_")),
    ]
    over_time = [figure.quantity for figure in subject.figures if isinstance(figure, HeatFigure)]
    by_weight = {"series": "quantity", "layer": "weight"}
    return {
        "curves": traces[series.isin(list(subject.curves))].rename(columns={"series": "metric"}),
        "layers": pd.concat(layers).rename(columns={"series": "quantity"}),
        "probes": traces[series.isin(over_time)].rename(columns={"series": "quantity"}),
        "weights": traces[series.isin(list(subject.weights))].rename(columns=by_weight),
        "histograms": _histograms(
            traces if drawn is None else traces[traces["run_key"].isin(list(drawn))]
        ),
    }


def _few_steps(probes: pd.DataFrame) -> pd.DataFrame:
    """The rows of a few of the steps that any run was probed at, evenly spread over them."""
    steps = sorted(probes["step"].unique())
    kept = [steps[place - 1] for place in shown(len(steps), STEPS_SHOWN)]
    return probes[probes["step"].isin(kept)]


def _histograms(traces: pd.DataFrame) -> pd.DataFrame:
    """Every bin with its count and its edges: equally wide bins over ± the layer's range."""
    place = ["run_key", "step", "layer"]
    found = [traces[:0]]
    for name in traces["series"].unique():
        kind = name.removesuffix("_histogram")
        if kind == name:
            continue
        bins = traces[traces["series"] == name].rename(columns={"value": "count"})
        ranges = traces[traces["series"] == f"{kind}_range"].rename(columns={"value": "range"})
        edges = np.linspace(-1, 1, int(bins["bin"].max()) + 2)
        bins = bins.merge(ranges[[*place, "range"]], on=place)
        found.append(bins.assign(
            kind=kind, when=np.where(bins["step"] == 0, "init", "last"),
            left=edges[bins["bin"]] * bins["range"], right=edges[bins["bin"] + 1] * bins["range"],
        ))  # fmt: skip
    return pd.concat(found)


def _merge_bins(histograms: pd.DataFrame) -> pd.DataFrame:
    """Histograms with `BINS_SHOWN` bins, each the sum of neighbours."""
    keys = ["variant", "kind", "when", "layer"]
    ordered = histograms.sort_values([*keys, "left"])
    group = ordered.groupby(keys)["left"]
    bins = group.cumcount() * BINS_SHOWN // group.transform("size").clip(lower=BINS_SHOWN)
    merged = ordered.assign(bin=bins).groupby([*keys, "bin"], as_index=False)
    return merged.agg(left=("left", "min"), right=("right", "max"), count=("count", "sum"))


def thinned(table: pd.DataFrame, column: str, group: list[str], most: int) -> pd.DataFrame:
    """The rows of at most so many layers or weights of each group, evenly spread.

    Args:
        table: the rows.
        column: holds the number of the layer or weight; numbers have no gaps within a group.
        group: columns.
        most: how many numbers are kept.
    """
    numbers = table.groupby(group)[column]
    first, last = numbers.transform("min"), numbers.transform("max")
    kept = {count: shown(int(count), most) for count in (last - first + 1).unique()}
    places = zip(table[column] - first + 1, last - first + 1, strict=True)
    return table[np.array([place in kept[count] for place, count in places], dtype=bool)]


def shown(count: int, most: int) -> list[int]:
    """At most so many of the numbers 1..count, evenly spread, first and last included.

    >>> shown(5, 3)
    [1, 3, 5]
    """
    return sorted({round(i) for i in np.linspace(1, count, min(most, count))})


def rounded(table: pd.DataFrame, digits: int = 5) -> pd.DataFrame:
    """The table with its fractions cut to so many significant digits: figures need no more."""
    fractions = list(table.select_dtypes("float64"))
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
