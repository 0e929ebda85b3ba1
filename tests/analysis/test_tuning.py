"""Tuned fields: no seed chooses its own level, and what is estimated is what was promised."""

from dataclasses import replace
from math import log
from typing import Any, Literal

import numpy as np
import pandas as pd
import pytest

from harness.analysis.claims_table import stability_table
from harness.analysis.frames import StudyData
from harness.analysis.grid import contrast, grid
from harness.analysis.integrity import audit
from harness.analysis.intervals import Array, estimate
from harness.analysis.tuning import (
    about_tuning,
    best_of_others,
    curves_table,
    jackknifed,
    next_level,
    taken_table,
    untuned,
)
from harness.analysis.verdicts import verdicts
from harness.report.sections.bottom_line import bottom_line
from harness.report.source import Source
from harness.study.levels import Level, Levels
from harness.study.study import Study
from tests.support import simulated

LOWER: dict[str, Any] = {
    "id": "lower", "says": "s", "kind": "difference", "factor": "norm", "level": "batch",
    "versus": "none", "direction": "lower",
}  # fmt: skip


def study(seeds: int = 6, lr: tuple[float, ...] = (0.1, 0.3, 1.0), **changes: Any) -> Study:
    """Two variants at a few learning rates."""
    return Study.model_validate({
        "name": "tuning", "question": "?", "seeds": seeds, "factors": {"norm": ["none", "batch"]},
        "tuned": {"lr": lr}, "baseline": {"norm": "none", "lr": 0.1}, "claims": [LOWER],
    } | changes)  # fmt: skip


BEST = {"none": 0.3, "batch": 1.0}


def truth(cell: Levels, seed: int) -> float:
    """Each norm has its own best rate, where batch ends 0.1 lower than none."""
    off = abs(log(float(cell["lr"]) / BEST[str(cell["norm"])]))
    return 2 + 0.2 * off - 0.1 * (cell["norm"] == "batch") + 0.001 * seed


def data(of: simulated.Truth = truth, asked: Study | None = None, **more: Any) -> StudyData:
    return simulated.data(asked or study(), of, **more)


def test_each_variant_is_judged_at_its_own_best_level() -> None:
    found = data()
    assert len(found.trained) == 36
    assert dict(zip(found.runs["variant"], found.runs["lr"], strict=True)) == {
        "none": "0.3", "batch": "1",
    }  # fmt: skip
    assert found.runs.groupby("variant")["seed"].nunique().to_dict() == {"none": 6, "batch": 6}
    assert verdicts(found)[0].word == "SUPPORTED"
    assert verdicts(found)[0].estimate == pytest.approx(-0.1)
    assert not audit(found)


def test_at_the_baselines_level_the_verdict_is_another_and_stands_beside() -> None:
    found = data()
    row = stability_table(found, verdicts(found)).iloc[0]
    assert (row["verdict"], row["untuned"]) == ("SUPPORTED", "OPPOSITE")
    assert set(untuned(found).runs["lr"]) == {"0.1"}


@pytest.mark.parametrize("i", range(5))
def test_no_seed_takes_part_in_choosing_its_own_level(i: int) -> None:
    """Whatever the seed's own values are, its level stays; another's may change it."""
    generator = np.random.default_rng(i)
    table = pd.DataFrame(generator.standard_normal((4, 5)), index=list("abcd"))
    before = best_of_others(study(), table, i)
    for _ in range(20):
        changed = table.copy()
        changed[i] = 100 * generator.standard_normal(4)
        assert best_of_others(study(), changed, i) == before
    others = [j for j in range(5) if j != i]
    assert before == table.index[int(table[others].mean(axis="columns").to_numpy().argmin())]


def test_with_missing_runs_the_baselines_level_is_shown_and_nothing_is_testable() -> None:
    runs = simulated.runs_of(study(), truth)
    some = runs[~((runs["lr"] == "1") & (runs["seed"] == 2) & (runs["norm"] == "batch"))]
    found = data(runs=some)
    levels = found.runs.query("norm == 'batch'").set_index("seed")["lr"]
    assert verdicts(found)[0].word == "NOT TESTABLE"
    assert set(levels.drop(2, errors="ignore")) == {"0.1"}  # no other seed can compare all levels
    assert verdicts(found)[0].evidence.reason == (
        "of 12 runs, 1 missing or without this response and 5 tuned by runs that diverged or are "
        "missing"
    )


def test_one_diverged_run_that_is_taken_is_counted_once() -> None:
    asked = study(claims=[LOWER | {"response": "final/saturation_worst"}])
    runs = simulated.runs_of(asked, truth).assign(**{"final/saturation_worst": 0.1})
    out = (runs["lr"] == "1") & (runs["seed"] == 2) & (runs["norm"] == "batch")
    runs["outcome"] = np.where(out, "diverged", "finished")
    runs.loc[out, "final/dev_loss"] = 0.0  # counts as the cap
    (verdict,) = verdicts(data(asked=asked, runs=runs))
    assert verdict.word == "NOT TESTABLE"
    assert verdict.evidence.reason.startswith(
        "of 12 runs, 1 diverged and 5 tuned by runs that diverged"
    )


def test_diverged_runs_count_as_the_cap_when_levels_are_chosen() -> None:
    runs = simulated.runs_of(study(), truth)
    out = (runs["lr"] == "1") & (runs["seed"] <= 3)
    found = data(runs=runs.assign(outcome=np.where(out, "diverged", "finished")))
    assert set(found.runs.loc[found.runs["norm"] == "batch", "lr"]) == {"0.3"}


@pytest.mark.parametrize("direction", ["lower", "higher"])
def test_without_a_cap_a_level_at_which_runs_diverge_is_not_chosen(
    direction: Literal["lower", "higher"], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though its runs that finished are the best of all."""
    asked, sign = study(), -1 if direction == "lower" else 1
    uncapped = replace(asked.response(), direction=direction, cap=None)
    monkeypatch.setattr(
        type(asked.model), "responses", {**asked.model.responses, uncapped.name: uncapped}
    )
    runs = simulated.runs_of(asked, lambda cell, _: sign * float(cell["lr"]))
    out = (runs["lr"] == "1") & (runs["seed"] <= 2)
    found = data(runs=runs.assign(outcome=np.where(out, "diverged", "finished")))
    assert set(found.runs["lr"]) == {"0.3"}


def test_a_run_worse_than_the_cap_counts_as_the_cap_when_levels_are_chosen() -> None:
    def one_bad_seed(cell: Levels, seed: int) -> float:
        if cell["lr"] == 1.0:
            return 50.0 if seed == 1 else 1.0
        return 1.8

    assert set(data(one_bad_seed).runs["lr"]) == {"1"}


def test_levels_are_chosen_on_the_dev_split_even_where_the_primary_response_is_a_tests() -> None:
    asked = study(primary="final/test_loss", claims=[])
    runs = simulated.runs_of(asked, truth)
    runs["final/test_loss"] = -runs["final/dev_loss"]
    assert set(data(asked=asked, runs=runs).runs["lr"]) == {"0.3", "1"}


def test_of_the_levels_taken_the_one_most_often_taken_alone_has_a_level_to_add() -> None:
    def good_but_for_one_seed(cell: Levels, seed: int) -> float:
        if cell["lr"] == 1.0:
            return 3.0 if seed == 1 else 1.0
        return 1.3 + 0.1 * (cell["lr"] == 0.1)

    taken = taken_table(data(good_but_for_one_seed)).query("variant == 'batch'")
    assert list(taken.itertuples(index=False, name=None)) == [
        ("batch", "lr 0.3", 5, 6, ""), ("batch", "lr 1", 1, 6, ""),
    ]  # fmt: skip


def test_what_is_said_of_the_levels_taken() -> None:
    found = data()
    taken = taken_table(found)
    assert list(taken.itertuples(index=False, name=None)) == [
        ("none", "lr 0.3", 6, 6, ""), ("batch", "lr 1", 6, 6, "lr 3.3"),
    ]  # fmt: skip
    assert list(about_tuning(found)) == [
        "Each variant is judged at its best lr, chosen for every seed by the mean dev loss over the"
        " other seeds; the estimate is for tuning on 5 seeds.",
        "The best level is the last one tried; a better one may lie beyond: batch (add lr 3.3).",
    ]
    said = bottom_line(Source(found))
    assert said[0] == "36 of 36 runs ended: 2 variants, 3 levels of lr, 6 seeds."
    assert next(about_tuning(found)) in said
    assert not list(about_tuning(simulated.data(simulated.study(), simulated.noise())))
    curves = curves_table(found)
    assert list(curves["level"]) == ["lr 0.1", "lr 0.3", "lr 1"] * 2
    assert list(curves["n"]) == [6] * 6


@pytest.mark.parametrize(
    ("levels", "best", "added"),
    [
        ((0.03, 0.1, 0.3, 1.0), 1.0, 3.3), ((0.03, 0.1, 0.3, 1.0), 0.03, 0.009),
        ((0.03, 0.1, 0.3), 0.1, None), ((8, 16, 32), 32, 64), ((0, 5, 10), 10, 15),
        (("sgd", "adam"), "adam", None), ((True, False), True, None),
    ],
)  # fmt: skip
def test_the_level_to_add_goes_on_as_the_levels_do(
    levels: tuple[Level, ...], best: Level, added: Level | None
) -> None:
    assert next_level(levels, best) == added


def test_tables_are_written_and_read_back(tmp_path: Any) -> None:
    found = data()
    found.write(tmp_path)
    assert StudyData.load(tmp_path) == found


def chosen_by_hand(values: Array, kept: list[int]) -> list[float]:
    """The values that some seeds have, each at the level with the lowest mean of the others."""
    found = []
    for i in kept:
        means = [np.mean([row[j] for j in kept if j != i]) for row in values]
        found.append(values[int(np.argmin(means)), i])
    return found


def test_jackknifed_values_have_the_mean_of_the_chosen_and_the_jackknifes_error() -> None:
    values = np.random.default_rng(0).standard_normal((3, 7))
    found, n = jackknifed(values, values, sign=1), 7
    whole = np.mean(chosen_by_hand(values, list(range(n))))
    without = [np.mean(chosen_by_hand(values, [j for j in range(n) if j != i])) for i in range(n)]
    assert np.mean(found) == pytest.approx(whole)
    error = ((n - 1) / n * np.sum((without - np.mean(without)) ** 2)) ** 0.5
    assert estimate(found).se == pytest.approx(error)
    assert jackknifed(-values, -values, sign=-1) == pytest.approx(-found)


def test_where_one_level_is_always_chosen_they_are_the_responses_themselves() -> None:
    values = np.random.default_rng(1).standard_normal((3, 5)) + np.array([[0], [10], [20]])
    assert jackknifed(values, values, sign=1) == pytest.approx(values[0])
    other = np.random.default_rng(2).standard_normal((3, 5))
    assert jackknifed(values, other, sign=1) == pytest.approx(other[0])


@pytest.mark.parametrize("n", [5, 10])
@pytest.mark.parametrize("means", [(0.0, 0.0, 0.0), (0.0, 0.02, 0.05), (0.0, 0.3, 1.0)])
def test_tuning_is_unbiased_and_its_intervals_cover(n: int, means: tuple[float, ...]) -> None:
    """Also where levels are nearly equal: choosing by all seeds would be biased there, and the
    spread of the chosen values alone too small.
    """
    generator, sd, draws = np.random.default_rng(n), 0.1, 400
    centre = np.array(means)[:, None]
    others = centre + sd * generator.standard_normal((20_000, 3, n - 1))
    expected = np.take(means, others.mean(axis=2).argmin(axis=1)).mean()
    found = []
    for _ in range(draws):
        values = centre + sd * generator.standard_normal((3, n))
        found.append(estimate(jackknifed(values, values, sign=1)))
    off = np.mean([one.estimate for one in found]) - expected
    assert abs(off) < 4 * np.std([one.estimate for one in found]) / draws**0.5
    covered = np.mean([one.low <= expected <= one.high for one in found])
    assert covered >= 0.94 - 3 * (0.06 * 0.94 / draws) ** 0.5


def test_contrasts_of_tuned_variants_are_paired_by_seed() -> None:
    found = data()
    used = contrast(grid(found, "final/dev_loss"), {"batch": 1.0, "none": -1.0})
    assert used.values == pytest.approx([-0.1] * 6)
