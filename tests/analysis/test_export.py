"""A study's runs as tidy files; those of others are among them, marked."""

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harness.analysis.export import export, export_tables, put_files
from harness.analysis.frames import read_csv
from harness.analysis.gather import RUN_TABLES
from harness.errors import UserError
from harness.study.plan import expand
from harness.subjects.trace import Trace
from tests.support import simulated

ASKED = simulated.study(seeds=2)


def trace_of(key: str) -> Trace:
    trace = Trace(50)
    generator = np.random.default_rng([*key.encode()])
    for step in (0, 49):
        trace.add("train/loss", step, float(generator.standard_normal()))
        trace.add("saturation", step, generator.uniform(size=2))
        trace.add("update_data", step, generator.standard_normal(4), first_layer=0)
        trace.add("activation_histogram", step, np.ones((2, 80)))
        trace.add("activation_range", step, np.ones(2))
    return trace


@pytest.fixture
def stored() -> simulated.InMemory:
    """All runs of a study with params as they are logged, and one that somebody else logged."""
    planned = expand(ASKED, simulated.DIGEST)
    runs = simulated.runs_of(ASKED, simulated.noise())
    logged = pd.DataFrame([
        {name: str(int(value) if isinstance(value, bool) else value)
         for name, value in run.fields.model_dump().items()}
        for run in planned
    ])  # fmt: skip
    runs = runs.assign(**logged, ours="true")
    other = runs.iloc[:1].assign(run_key="foreign", ours="false", depth="many", minibatches=None)
    traces = [pd.DataFrame(trace_of(run.key).columns()).assign(run_key=run.key) for run in planned]
    loss = {"series": "train/loss", "step": [2, 1], "layer": 0, "name": "", "bin": 0,
            "value": [0.9, 1.0]}  # fmt: skip
    return simulated.stored(
        ASKED, simulated.noise(), runs=pd.concat([other, runs], ignore_index=True),
        trace=pd.concat([*traces, pd.DataFrame(loss).assign(run_key="foreign")]),
    )  # fmt: skip


def test_every_run_is_a_row_with_typed_fields(stored: simulated.InMemory) -> None:
    found = export_tables(stored, bins=False)["runs"]
    assert list(found["ours"]) == ["true"] * 48 + ["false"]
    runs = found.set_index("run_key")
    for run in expand(ASKED, simulated.DIGEST):
        row = runs.loc[run.key]
        assert {name: row[name] for name in type(run.fields).model_fields} == {
            name: str(value) if name == "train_words" else value
            for name, value in run.fields.model_dump().items()
        }
        assert (row["seed"], row["outcome"], row["version"]) == (run.seed, "finished", "5")
    given = stored.runs.set_index("run_key")["final/dev_loss"]
    assert (runs["final/dev_loss"] == given.reindex(runs.index)).all()
    assert runs["width"].dtype == "Int64"
    assert runs["residual"].dtype == "boolean"
    assert bool(runs["final/gap"].isna().all())


def test_what_cannot_be_read_as_its_type_is_missing(stored: simulated.InMemory) -> None:
    runs = export_tables(stored, bins=False)["runs"]
    (other,) = runs[runs["run_key"] == "foreign"].to_dict("records")
    assert pd.isna(other["depth"])  # "many" is no number
    assert pd.isna(other["minibatches"])
    assert other["lr"] == 0.1


def test_measured_values_are_there_run_by_run_to_the_last_bit(stored: simulated.InMemory) -> None:
    found = export_tables(stored, bins=True)
    key = expand(ASKED, simulated.DIGEST)[-1].key
    trace = trace_of(key)
    curve = found["curves"][found["curves"]["run_key"] == key]
    assert list(curve["value"]) == [trace.at("train/loss", step) for step in (0, 49)]
    layers = found["layers"][found["layers"]["run_key"] == key]
    for when, step in (("init", 0), ("last", 49)):
        values = layers[layers["when"] == when]["value"]
        assert list(values) == list(trace.at("saturation", step))
    probes = found["probes"][found["probes"]["run_key"] == key]
    assert list(probes["value"]) == [*trace.at("saturation", 0), *trace.at("saturation", 49)]
    weights = found["weights"][found["weights"]["run_key"] == key]
    assert list(weights["value"]) == [*trace.at("update_data", 0), *trace.at("update_data", 49)]
    assert len(found["histograms"]) == 48 * 2 * 2 * 80  # of every run, with every bin
    others = found["curves"][found["curves"]["run_key"] == "foreign"]
    assert list(others["value"]) == [1.0, 0.9]


def test_files_read_back_as_the_tables(stored: simulated.InMemory, tmp_path: Path) -> None:
    counts = export(stored, tmp_path / "out", bins=True)
    found = export_tables(stored, bins=True)
    assert list(counts) == ["runs", *RUN_TABLES]
    for name, table in found.items():
        assert counts[name] == len(table) > 0
        back = pd.read_parquet(tmp_path / "out" / f"{name}.parquet")
        pd.testing.assert_frame_equal(back, table, check_exact=True)
        text = read_csv(tmp_path / "out" / f"{name}.csv")
        assert list(text.columns) == list(table.columns)
        for column in table:
            values = table[column]
            if values.dtype == "float64":
                numbers = [float(value or "nan") for value in text[column]]
                np.testing.assert_array_equal(numbers, values)
            else:
                flags = {"True": "true", "False": "false"} if values.dtype == "boolean" else {}
                words = ["" if pd.isna(v) else flags.get(str(v), str(v)) for v in values]
                assert list(text[column]) == words
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    export(stored, tmp_path / "out", bins=True)
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


def test_bins_are_written_where_they_are_wanted_and_never_outlive_the_runs_beside_them(
    stored: simulated.InMemory, tmp_path: Path
) -> None:
    bins = {"histograms.csv", "histograms.parquet"}
    (tmp_path / "histograms.txt").write_text("the user's")
    counts = export(stored, tmp_path, bins=True)
    every = {path.name for path in tmp_path.iterdir()}
    assert bins < every
    without = export(stored, tmp_path)
    assert counts == without | {"histograms": counts["histograms"]}
    assert {path.name for path in tmp_path.iterdir()} == every - bins
    assert not bins & {*json.loads((tmp_path / "exported.json").read_text())}
    (tmp_path / "histograms.csv").write_text("the user's")
    export(stored, tmp_path)
    assert (tmp_path / "histograms.csv").read_text() == "the user's"


def test_a_study_without_any_run_has_empty_files(tmp_path: Path) -> None:
    runs = simulated.runs_of(ASKED, simulated.noise())[:0]
    nothing = simulated.stored(ASKED, simulated.noise(), runs=runs)
    assert set(export(nothing, tmp_path).values()) == {0}


@pytest.mark.parametrize("theirs", ["runs.csv", "weights.parquet", "exported.json", "link"])
def test_a_file_that_no_export_wrote_is_never_replaced(
    stored: simulated.InMemory, tmp_path: Path, theirs: str
) -> None:
    if theirs == "link":
        (tmp_path / "curves.csv").symlink_to("nowhere")
    else:
        (tmp_path / theirs).write_text("measured by hand")
    name = theirs if theirs != "link" else "curves.csv"
    with pytest.raises(UserError) as refused:
        export(stored, tmp_path)
    assert str(refused.value) == (
        "only files of an earlier export may be replaced; received "
        f"{tmp_path / name}, which no export wrote. "
        "Move it away, or name another folder with --to."
    )
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("damaged", ["{", "7", "[3]", "", "[" * 100_000])
def test_without_a_sound_list_all_files_are_anothers(tmp_path: Path, damaged: str) -> None:
    put_files({"cells.tex": b"1"}, tmp_path)
    (tmp_path / "exported.json").write_text(damaged)
    with pytest.raises(UserError, match="which no export wrote"):
        put_files({"cells.tex": b"2"}, tmp_path)
    assert (tmp_path / "cells.tex").read_bytes() == b"1"


@pytest.mark.timeout(20)
def test_a_pipe_in_the_place_of_the_list_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "exported.json")
    with pytest.raises(UserError, match="which no export wrote"):
        put_files({"cells.tex": b"1"}, tmp_path)


def test_exports_share_a_folder_and_leave_others_files_there(tmp_path: Path) -> None:
    (tmp_path / "paper.tex").write_text("mine")
    put_files({"cells.tex": b"1"}, tmp_path)
    put_files({"runs.csv": b"1"}, tmp_path)
    put_files({"cells.tex": b"2"}, tmp_path)
    found = {path.name: path.read_text() for path in tmp_path.iterdir()}
    listed = json.loads(found.pop("exported.json"))
    assert found == {"paper.tex": "mine", "cells.tex": "2", "runs.csv": "1"}
    assert listed == ["cells.tex", "exported.json", "runs.csv"]


def test_a_folder_that_cannot_be_created_is_refused(
    stored: simulated.InMemory, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="--to"):
        export(stored, tmp_path / "file" / "folder")
