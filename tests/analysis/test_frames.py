"""A study's data survive being written and read, and stay small."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harness.analysis.frames import StudyData, runs_types
from harness.study.study import Study
from tests.support import simulated


@pytest.fixture(scope="module")
def full() -> StudyData:
    """120 runs with every table as large as a real study's."""
    asked = simulated.study()
    runs = simulated.runs_of(asked, simulated.noise())
    generator = np.random.default_rng(1)
    steps = np.arange(0, 10_000, 256).tolist()
    layers, ends = asked.model.layers, [0, steps[-1]]
    kinds = ["activation", "gradient"]
    parts = []
    for key, depth in zip(runs["run_key"], runs["depth"].astype(int), strict=True):
        inside = range(1, depth + 1)
        for series, at, where, bins in (
            (asked.model.curves, steps, [0], [0]),
            (layers, ends, inside, [0]),
            ([f"final_{name}" for name in layers], [10_000], inside, [0]),
            (asked.model.weights, steps, range(depth + 2), [0]),
            ([f"{kind}_histogram" for kind in kinds], ends, inside, range(80)),
            ([f"{kind}_range" for kind in kinds], ends, inside, [0]),
        ):
            index = pd.MultiIndex.from_product(
                [[key], series, at, where, [""], bins], names=simulated.TRACE[:-1]
            )
            parts.append(index.to_frame(index=False))
    trace = pd.concat(parts, ignore_index=True)
    trace["value"] = generator.standard_normal(len(trace))
    histograms = trace["series"].str.endswith("_histogram")
    trace["value"] = trace["value"].mask(histograms, 3.0)
    trace["value"] = trace["value"].mask(trace["series"].str.endswith("_range"), 1.0)
    return simulated.data(asked, simulated.noise(), runs=runs, trace=trace)


def test_what_is_written_is_read_back_equal(full: StudyData, tmp_path: Path) -> None:
    full.write(tmp_path)
    assert StudyData.load(tmp_path) == full


def test_writing_twice_gives_the_same_bytes(full: StudyData, tmp_path: Path) -> None:
    full.write(tmp_path / "a")
    StudyData.load(tmp_path / "a").write(tmp_path / "b")
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_data_of_120_runs_stay_under_one_and_a_half_megabytes(
    full: StudyData, tmp_path: Path
) -> None:
    full.write(tmp_path)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 1_500_000


def test_one_changed_bit_makes_data_unequal(full: StudyData, tmp_path: Path) -> None:
    full.write(tmp_path)
    other = StudyData.load(tmp_path)
    column = other.runs["final/dev_loss"].to_numpy(copy=True)
    column[0] = np.nextafter(column[0], 9)
    other.runs["final/dev_loss"] = column
    assert other != full
    assert full != "something else"


def test_a_study_without_any_run_survives_too(tmp_path: Path) -> None:
    asked = simulated.study()
    nothing = simulated.data(
        asked, simulated.noise(), runs=simulated.runs_of(asked, simulated.noise())[:0]
    )
    nothing.write(tmp_path)
    assert StudyData.load(tmp_path) == nothing


def test_text_that_looks_like_something_else_stays_text(tmp_path: Path) -> None:
    asked = simulated.study()
    runs = simulated.runs_of(asked, simulated.noise()).assign(
        commit="0012e5", device="NA", versions='a "quoted", one\nline', session="None"
    )
    given = simulated.data(asked, simulated.noise(), runs=runs)
    given.write(tmp_path)
    assert StudyData.load(tmp_path) == given


def test_merged_bins_keep_every_count(full: StudyData) -> None:
    one = full.histograms.groupby(["variant", "kind", "when", "layer"])["count"].agg(
        ["sum", "size"]
    )
    assert set(one["sum"]) == {240.0}
    assert set(one["size"]) == {40}


def test_columns_of_runs_follow_the_subject(full: StudyData) -> None:
    model = full.study.model
    assert list(full.runs) == list(runs_types(full.study))
    assert {*full.study.factors, *model.budget, *model.responses} <= set(full.runs)
    other = Study.model_validate({
        "question": "?", "subject": "tests.support.linear", "seeds": 1,
        "factors": {"intercept": [False, True]}, "baseline": {"intercept": True},
    })  # fmt: skip
    columns = set(runs_types(other))
    assert {"intercept", "steps", "batch", "final/error"} <= columns
    assert "train_words" not in columns
