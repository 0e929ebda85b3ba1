"""Traces become the tables of a study: what is kept, and what it is averaged over."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from harness.analysis.gather import gather, run_tables, shown, thinned
from harness.study.plan import Run, expand
from harness.subjects.trace import Trace
from tests.support import simulated

ASKED = simulated.study(seeds=(2, 3), factors={"norm": ["none", "batch"]},
                        baseline={"norm": "batch"}, bare={})  # fmt: skip
RUNS = simulated.runs_of(ASKED, simulated.noise())


def trace_of(scale: float) -> Trace:
    """A run of 9 steps with two layers, probed at steps 0, 5 and 8."""
    trace = Trace(9)
    for step in (0, 5, 8):
        trace.add("train/loss", step, scale * (10 - step))
        trace.add("saturation", step, scale * np.array([1.0 + step, 2.0 + step]))
        trace.add("update_data", step, scale * np.arange(12), first_layer=0)
        trace.add("loss", step, 1.0)  # no table needs it
    for step in (0, 8):
        trace.add("gradient_histogram", step, np.tile(np.arange(4.0) + step, (2, 1)))
        trace.add("gradient_range", step, scale * np.array([0.5, 2.0]))
    trace.add("final_saturation", 9, scale * np.array([7.0, 8.0]))
    return trace


def tables(runs: pd.DataFrame = RUNS, **changes: Any) -> simulated.InMemory:
    """The study, with traces scaled by 1 and 3 in its two seeds."""
    scales = dict(zip(RUNS["run_key"], RUNS["seed"].map({2: 1.0, 3: 3.0}), strict=True))
    traces = [
        pd.DataFrame(trace_of(scale).columns()).assign(run_key=key) for key, scale in scales.items()
    ]
    trace = changes.pop("trace", pd.concat(traces, ignore_index=True))
    return simulated.stored(ASKED, simulated.noise(), runs=runs, trace=trace)


def picked(table: pd.DataFrame, **where: object) -> pd.DataFrame:
    for column, value in where.items():
        table = table[table[column] == value]
    return table


def test_curves_are_means_over_seeds_with_t_intervals() -> None:
    found = gather(tables()).curves
    assert set(found["metric"]) == {"train/loss"}
    row = picked(found, variant="none", step=8).iloc[0]
    assert (row["mean"], row["n"]) == (4.0, 2)
    assert row["high"] - row["mean"] == pytest.approx(2 * 12.706, abs=1e-3)  # t(1), se 2


def test_layers_are_those_of_step_0_of_the_last_probe_and_of_the_end() -> None:
    found = picked(gather(tables()).layers, variant="batch")
    assert set(found["quantity"]) == {"saturation"}
    means = found.set_index(["when", "layer"])["mean"].to_dict()
    assert means == {
        ("init", 1): 2.0, ("init", 2): 4.0, ("last", 1): 18.0, ("last", 2): 20.0,
        ("final", 1): 14.0, ("final", 2): 16.0,
    }  # fmt: skip


def test_layers_and_weights_keep_their_names() -> None:
    def trace(run: Run) -> pd.DataFrame:
        made, names = Trace(9), ["0.act", "1.act"] if run.cell["norm"] == "none" else ["0.norm"]
        for step in (0, 8):
            made.add("saturation", step, np.ones(len(names)), names=names)
            made.add("update_data", step, np.ones(12), names=[f"w{i}" for i in range(12)])
        made.add("final_saturation", 9, np.ones(len(names)), names=names)
        return pd.DataFrame(made.columns()).assign(run_key=run.key)

    whole = pd.concat([trace(run) for run in expand(ASKED, simulated.DIGEST)], ignore_index=True)
    found = gather(tables(trace=whole))
    for when in ("init", "last", "final"):
        assert list(picked(found.layers, variant="none", when=when)["name"]) == ["0.act", "1.act"]
        assert list(picked(found.layers, variant="batch", when=when)["name"]) == ["0.norm"]
    weights = picked(found.weights, variant="none", step=8)
    assert list(weights["weight"]) == [1, 3, 4, 6, 7, 9, 10, 12]
    assert list(weights["name"]) == [f"w{number - 1}" for number in weights["weight"]]


def test_the_last_probe_is_each_runs_own() -> None:
    given = tables()
    stopped = RUNS["run_key"][0]
    late = (given.trace["run_key"] == stopped) & (given.trace["step"] > 5)
    found = run_tables(tables(trace=given.trace[~late]))["layers"]
    last = picked(found, when="last", run_key=stopped)
    assert list(last["value"]) == [6.0, 7.0]
    assert list(picked(found, when="last", run_key=RUNS["run_key"][1])["value"]) == [27.0, 30.0]


def test_of_many_weights_some_are_kept_with_both_ends() -> None:
    found = picked(gather(tables()).weights, variant="none", step=5)
    assert list(found["weight"]) == [0, 2, 3, 5, 6, 8, 9, 11]
    assert list(found["mean"]) == [2.0 * weight for weight in found["weight"]]
    assert set(found["quantity"]) == {"update_data"}


def test_histograms_are_the_lowest_seeds_with_edges_from_their_range() -> None:
    found = gather(tables()).histograms
    bins = picked(found, variant="none", kind="gradient", when="last", layer=2)
    assert list(bins["left"]) == [-2.0, -1.0, 0.0, 1.0]
    assert list(bins["right"]) == [-1.0, 0.0, 1.0, 2.0]
    assert list(bins["count"]) == [8.0, 9.0, 10.0, 11.0]
    first_failed = RUNS.assign(outcome=["failed", "finished"] * 2)
    bins = picked(gather(tables(first_failed)).histograms, variant="none", when="init", layer=1)
    assert list(bins["left"]) == [-1.5, -0.75, 0.0, 0.75]


def test_batches_of_runs_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = gather(tables())
    every = simulated.InMemory.traces
    monkeypatch.setattr(simulated.InMemory, "traces", lambda self: every(self, batch=1))
    assert gather(tables()) == whole


def test_runs_that_have_only_begun_have_curves_and_no_more() -> None:
    given = tables()
    started = given.trace[given.trace["series"] == "train/loss"]
    found = gather(tables(RUNS.assign(outcome="running"), trace=started))
    assert len(found.curves) == 6
    assert found.layers.empty
    assert found.weights.empty
    assert found.histograms.empty


def test_shown_spreads_evenly_and_keeps_both_ends() -> None:
    assert shown(1, 3) == [1]
    assert shown(2, 3) == [1, 2]
    assert shown(50, 3) == [1, 26, 50]
    assert shown(4, 8) == [1, 2, 3, 4]


def test_layers_are_thinned_group_by_group_from_whatever_number_they_start() -> None:
    table = pd.DataFrame({"group": ["a"] * 5 + ["b"] * 2, "layer": [0, 1, 2, 3, 4, 3, 4]})
    kept = thinned(table, "layer", ["group"], 3)
    assert list(kept["layer"]) == [0, 2, 4, 3, 4]
