"""Diverged runs are counted, never dropped: capped losses, nothing else tested."""

import math

import numpy as np
import pytest
from scipy import stats

from harness.analysis.effects import effects_table
from harness.analysis.frames import StudyData
from harness.analysis.grid import contrast, grid
from harness.study.levels import Levels
from tests.support import simulated

CHANCE = math.log(27)


def losses(cell: Levels, seed: int) -> float:
    return 2.0 + 0.1 * (cell["norm"] == "none") + 0.01 * seed


def diverging(response: str = "final/dev_loss", seeds: tuple[int, ...] = (1,)) -> StudyData:
    """Every run without norm of these seeds diverged, its last loss far out or unknown."""
    asked = simulated.study()
    runs = simulated.runs_of(asked, losses, response)
    out = (runs["norm"] == "none") & runs["seed"].isin(seeds)
    values = runs[response].mask(out, np.nan)
    runs["outcome"], runs[response] = np.where(out, "diverged", "finished"), values
    return simulated.data(asked, losses, runs=runs)


def test_final_losses_of_diverged_runs_count_as_predicting_uniformly() -> None:
    measured = grid(diverging(), "final/dev_loss")
    assert (measured.values.loc[measured.diverged[1], 1] == CHANCE).all()
    assert measured.values.notna().all().all()


def test_a_finished_run_that_is_worse_than_guessing_is_capped_too() -> None:
    data = simulated.data(simulated.study(), lambda cell, _: 50.0 * (cell["norm"] == "none"))
    assert grid(data, "final/dev_loss").values.to_numpy().max() == CHANCE


def test_ranks_put_diverged_runs_last_and_stand_beside_the_estimate() -> None:
    data = diverging()
    ranks = grid(data, "final/dev_loss").ranks
    assert ranks is not None
    assert ranks[1].max() == 18.5  # 12 of 24 diverged share places 13 to 24
    row = effects_table(data, "final/dev_loss", ("main",)).iloc[0]
    assert row["rank_estimate"] == pytest.approx(12)
    assert row["estimate"] == pytest.approx((0.1 * 4 + (CHANCE - 2.01)) / 5)


def test_ranks_are_of_the_values_as_they_are_capped() -> None:
    asked = simulated.study()

    def truth(cell: Levels, seed: int) -> float:
        return losses(cell, seed) + 10.0 * (cell["init"] == "naive") * seed

    runs = simulated.runs_of(asked, truth)
    out = (runs["norm"] == "none") & (runs["depth"] == "10")
    runs["outcome"] = np.where(out, "diverged", "finished")
    capped = runs["final/dev_loss"].clip(upper=CHANCE).mask(out, CHANCE)
    by_hand = capped.groupby(runs["seed"]).transform(stats.rankdata)
    ranks = grid(simulated.data(asked, truth, runs=runs), "final/dev_loss").ranks
    assert ranks is not None
    found = [ranks.loc[run["variant"], run["seed"]] for _, run in runs.iterrows()]
    assert found == by_hand.tolist()
    worse_than_guessing = (runs["init"] == "naive").to_numpy()
    assert len(set(by_hand[(out | worse_than_guessing) & (runs["seed"] == 1)])) == 1


def test_contrasts_of_other_responses_of_diverged_runs_are_not_testable() -> None:
    table = effects_table(diverging("final/saturation_worst"), "final/saturation_worst")
    touched = table[table["id"] == "main norm none−batch"].iloc[0]
    assert np.isnan(touched["estimate"])
    assert touched["note"] == "NOT TESTABLE: of 120 runs, 12 diverged"
    untouched = table[table["id"] == "within init naive−kaiming [norm batch]"].iloc[0]
    assert untouched["estimate"] == pytest.approx(0, abs=1e-12)


def test_what_is_measured_at_init_is_unaffected_by_later_divergence() -> None:
    asked = simulated.study()
    runs = simulated.runs_of(asked, losses, "init/loss").assign(outcome="diverged")
    assert grid(simulated.data(asked, losses, runs=runs), "init/loss").values.notna().all().all()


def test_when_all_runs_diverge_every_effect_on_the_loss_is_nothing() -> None:
    asked = simulated.study()
    runs = simulated.runs_of(asked, losses).assign(outcome="diverged")
    table = effects_table(simulated.data(asked, losses, runs=runs), "final/dev_loss")
    assert (table["estimate"].abs() < 1e-12).all()
    assert (table["rank_estimate"].abs() < 1e-12).all()


def test_crashed_runs_are_missing_and_the_seeds_left_are_said() -> None:
    asked = simulated.study()
    runs = simulated.runs_of(asked, losses)
    runs.loc[0, "outcome"] = "failed"
    data = simulated.data(asked, losses, runs=runs)
    one, other = runs["variant"].unique()[:2]
    used = contrast(grid(data, "final/dev_loss"), {one: 1.0, other: -1.0})
    assert used.seeds == (2, 3, 4, 5)
    assert used.reason == "of 10 runs, 1 missing or without this response"


def test_without_a_known_vocabulary_diverged_losses_are_missing() -> None:
    asked = simulated.study()
    runs = simulated.runs_of(asked, losses).assign(outcome="diverged")
    data = simulated.data(asked, losses, runs=runs, facts={})
    assert grid(data, "final/dev_loss").values.isna().all().all()
    table = effects_table(data, "final/dev_loss")
    assert table[["estimate", "rank_estimate"]].isna().all(axis=None)
