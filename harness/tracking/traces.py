"""What was measured of every run, read back from the store as long tables."""

import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path

import pandas as pd
from mlflow.entities import Run as StoredRun

from harness.curves import CURVES
from harness.history import ACTIVATION_COLUMNS, FINAL_COLUMNS
from harness.tracking.ledger import key_of, outcome_of
from harness.tracking.schema import TRACE
from harness.tracking.store import Store

COLUMNS = {
    "curves": ["run_key", "metric", "step", "value"],
    "layers": ["run_key", "when", "layer", "quantity", "value"],
    "updates": ["run_key", "step", "weight", "value"],
    "histograms": ["run_key", "kind", "when", "layer", "left", "right", "count"],
}
BATCH = 100  # traces held at once: some 5,000 rows each, of which the tables keep a tenth
FINALS = [f"final_{name}" for name in FINAL_COLUMNS]
HISTOGRAMS = ["activation_histogram", "gradient_histogram"]
NOTHING = pd.DataFrame(
    {"series": "", "step": 0, "layer": 0, "left": 0.0, "right": 0.0, "value": 0.0}, index=[]
)


def tables(
    store: Store, runs: list[StoredRun], drawn: Collection[str] | None = None
) -> dict[str, pd.DataFrame]:
    """Curves, layers, updates and histograms of all runs, as `gather` takes them.

    Those of a complete run come from its trace: one small file instead of a request a curve. Of
    each trace only what the tables need is kept, or some thousand runs would fill the memory.

    Args:
        store: where they are.
        runs: whose tables are wanted.
        drawn: keys of those whose histograms are wanted; all where it is not given.
    """
    ended = [run for run in runs if outcome_of(run)]
    batches = [ended[at : at + BATCH] for at in range(0, len(ended), BATCH)] or [[]]
    parts = [_parts(_traces(store, batch), drawn) for batch in batches]
    found = {name: [part[name] for part in parts] for name in parts[0]}
    found["curves"].append(curves(store, [run for run in runs if not outcome_of(run)]))
    return {name: pd.concat(part, ignore_index=True) for name, part in found.items()}


def first_seeds(runs: list[StoredRun]) -> set[str]:
    """Of each variant the key of the complete run with the lowest seed."""
    firsts: dict[str, tuple[int, str]] = {}
    for run in runs:
        if outcome_of(run):
            variant, mark = run.data.tags["variant"], (int(run.data.params["seed"]), key_of(run))
            firsts[variant] = min(firsts.get(variant, mark), mark)
    return {key for _, key in firsts.values()}


def curves(store: Store, runs: list[StoredRun]) -> pd.DataFrame:
    """Every point of every run's curves, one by one from the store: for runs without a trace."""
    points = pd.DataFrame(_points(store, runs), columns=COLUMNS["curves"])
    return points.astype({"step": "int64", "value": "float64"})  # even where there is none


def _points(store: Store, runs: list[StoredRun]) -> Iterator[tuple[str, str, int, float]]:
    for run in runs:
        for metric in CURVES.keys() & run.data.metrics.keys():
            with store.reach():
                history = store.client.get_metric_history(run.info.run_id, metric)
            for point in history:
                yield key_of(run), metric, point.step, point.value


def _traces(store: Store, runs: list[StoredRun]) -> pd.DataFrame:
    """The traces of complete runs, one below the other."""
    found = [_trace(store, run).assign(run_key=key_of(run)) for run in runs]
    return pd.concat(found or [NOTHING.assign(run_key="")])


def _trace(store: Store, run: StoredRun) -> pd.DataFrame:
    path = Path(run.info.artifact_uri) / TRACE
    with store.reach():
        if path.is_file():  # on this machine: a tenth of the time that MLflow's download takes
            return pd.read_parquet(path)
        with tempfile.TemporaryDirectory(prefix="ablate-") as folder:
            return pd.read_parquet(store.client.download_artifacts(run.info.run_id, TRACE, folder))


def _parts(traces: pd.DataFrame, drawn: Collection[str] | None) -> dict[str, pd.DataFrame]:
    """These runs' rows of each table."""
    series = traces["series"]
    bins = traces[series.isin(HISTOGRAMS)]
    if drawn is not None:
        bins = bins[bins["run_key"].isin(drawn)]
    bins = bins.assign(
        when=bins["step"].map(lambda step: "last" if step else "init"),
        kind=bins["series"].str.removesuffix("_histogram"),
    )
    tables = {
        "curves": traces[series.isin(CURVES)].rename(columns={"series": "metric"}),
        "layers": _layers(traces),
        "updates": traces[series == "update_data"].rename(columns={"layer": "weight"}),
        "histograms": bins.rename(columns={"value": "count"}),
    }
    return {name: table[COLUMNS[name]] for name, table in tables.items()}


def _layers(traces: pd.DataFrame) -> pd.DataFrame:
    """What the hidden layers were like at init, at the last step measured, and in the end."""
    probed = traces[traces["series"].isin(ACTIVATION_COLUMNS)]
    final = traces[traces["series"].isin(FINALS)]
    last = probed.groupby("run_key")["step"].transform("max")
    parts = [
        probed[probed["step"] == 0].assign(when="init"),
        probed[probed["step"] == last].assign(when="last"),
        final.assign(when="final", series=final["series"].str.removeprefix("final_")),
    ]
    return pd.concat(parts).rename(columns={"series": "quantity"})
