"""A study's data survive being written and read, and stay small."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harness.analysis.frames import StudyData
from harness.analysis.gather import gather, shown
from tests.support import simulated


@pytest.fixture
def full() -> StudyData:
    """120 runs with every table as large as a real study's."""
    asked = simulated.study()
    runs = simulated.runs_of(asked, simulated.noise())
    generator = np.random.default_rng(1)
    depths = dict(zip(runs["run_key"], runs["depth"].astype(int), strict=True))
    steps = np.arange(0, 10_000, 256)
    edges = np.linspace(-1, 1, 81)

    def product(**columns: object) -> pd.DataFrame:
        return pd.MultiIndex.from_product(columns.values(), names=columns.keys()).to_frame(
            index=False
        )  # type: ignore[arg-type]

    def each(**columns: object) -> pd.DataFrame:
        return pd.concat([
            product(run_key=[key], **{k: v(d) if callable(v) else v for k, v in columns.items()})
            for key, d in depths.items()
        ], ignore_index=True)  # fmt: skip

    def values(table: pd.DataFrame) -> pd.DataFrame:
        return table.assign(value=generator.standard_normal(len(table)))

    layer = lambda depth: range(1, depth + 1)  # noqa: E731
    histograms = each(
        kind=["activation", "gradient"], when=["init", "last"], layer=layer, left=edges[:-1]
    )
    return gather(
        study=asked, facts=simulated.FACTS, runs=runs,
        curves=values(each(metric=["train/loss", *"abcdef"], step=steps)),
        layers=values(each(when=["init", "last", "final"], layer=layer,
                           quantity=["mean", "std", "saturation", "dead", "gradient_std"])),
        updates=values(each(step=steps, weight=lambda depth: range(depth + 2))),
        histograms=histograms.assign(right=histograms["left"] + 0.025, count=3.0),
    )  # fmt: skip


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


def test_curves_are_means_over_seeds_with_t_intervals() -> None:
    asked = simulated.study(seeds=2)
    runs = simulated.runs_of(asked, simulated.noise())
    pair = runs[runs["variant"] == runs["variant"][0]]["run_key"]
    curves = pd.DataFrame({"run_key": pair, "metric": "train/loss", "step": 7, "value": [1.0, 3.0]})
    row = simulated.data(asked, simulated.noise(), runs=runs, curves=curves).curves.iloc[0]
    assert (row["mean"], row["n"], row["step"]) == (2.0, 2, 7)
    assert row["high"] - row["mean"] == pytest.approx(12.706, abs=1e-3)  # t(1) at 97.5 %, se 1


def test_merged_bins_keep_every_count(full: StudyData) -> None:
    one = full.histograms.groupby(["variant", "kind", "when", "layer"])["count"].agg(
        ["sum", "size"]
    )
    assert set(one["sum"]) == {240.0}
    assert set(one["size"]) == {40}


def test_shown_spreads_evenly_and_keeps_both_ends() -> None:
    assert shown(1, 3) == [1]
    assert shown(2, 3) == [1, 2]
    assert shown(50, 3) == [1, 26, 50]
    assert shown(4, 8) == [1, 2, 3, 4]
