"""Nothing is averaged over variants that a partial grid does not have."""

import pandas as pd
import pytest

from harness.analysis.claims_table import claims_table
from harness.analysis.contrasts import effects
from harness.analysis.effects import attribution_table, effects_table, seeds_table
from harness.analysis.frames import StudyData
from harness.analysis.grid import grid
from harness.analysis.integrity import audit
from harness.analysis.predictions import predictions_table
from harness.analysis.statements import cells_of
from harness.analysis.verdicts import verdicts
from harness.report.sections.bottom_line import bottom_line, caveats
from harness.report.source import Source
from harness.study.levels import Levels
from tests.support import simulated

LOSS = "final/dev_loss"
PART = """
question = "?"
seeds = 6
[factors]
norm = ["none", "batch"]
init = ["naive", "kaiming"]
depth = [1, 2, 4]
[[exclude]]
norm = "none"
depth = 4
[[exclude]]
init = "naive"
depth = [1, 4]
[baseline]
norm = "batch"
init = "kaiming"
depth = 1
[bare]
norm = "none"
init = "naive"
"""
CORNERS = """
question = "?"
seeds = 4
[factors]
norm = ["none", "batch"]
depth = [1, 2, 4]
[[exclude]]
norm = "none"
depth = [1, 2]
[[exclude]]
norm = "batch"
depth = 4
[baseline]
norm = "batch"
depth = 1
"""


def truth(cell: Levels, seed: int) -> float:
    """Loss with an interaction, and a seed's own level."""
    out, depth = cell["norm"] == "none", float(str(cell["depth"]))
    return 2 + 0.1 * out + 0.02 * depth + 0.03 * out * depth + 0.001 * seed * (1 + out)


@pytest.fixture(scope="module")
def data() -> StudyData:
    return simulated.data(simulated.study(PART), truth)


@pytest.fixture(scope="module")
def one_at_a_time() -> StudyData:
    text = simulated.CORE.replace("seeds = 5", 'seeds = 5\ndesign = "one_at_a_time"')
    return simulated.data(simulated.study(text), simulated.noise(1))


def means(data: StudyData) -> pd.Series:
    return data.runs.groupby(["norm", "init", "depth"])[LOSS].mean()


def test_a_main_effect_is_averaged_over_the_combinations_that_have_both_levels(
    data: StudyData,
) -> None:
    y, table = means(data), effects_table(data, LOSS).set_index("id")
    norm = table.loc["main norm none−batch"]
    places = [("kaiming", "1"), ("kaiming", "2"), ("naive", "2")]
    by_hand = [y["none", init, depth] - y["batch", init, depth] for init, depth in places]
    assert norm["estimate"] == pytest.approx(sum(by_hand) / 3)
    assert (norm["over"], norm["note"], norm["n"]) == ("3 of 6 combinations", "", 6)
    deep = table.loc["main depth 4−1"]
    only = y["batch", "kaiming", "4"] - y["batch", "kaiming", "1"]
    assert (deep["estimate"], deep["over"]) == (pytest.approx(only), "1 of 4 combinations")


def test_effects_within_a_place_are_those_that_it_has(data: StudyData) -> None:
    table = effects_table(data, LOSS)
    norm = table[table["factor"] == "norm"].set_index(["kind", "where"])["over"]
    assert dict(norm["within"]) == {
        "init naive": "1 of 3 combinations", "init kaiming": "2 of 3 combinations",
        "depth 1": "1 of 2 combinations", "depth 2": "",
    }  # fmt: skip
    assert list(norm["simple"].index) == [
        "init naive, depth 2", "init kaiming, depth 1", "init kaiming, depth 2",
    ]  # fmt: skip
    deep = table[(table["factor"] == "depth") & (table["level"] == "4")]
    assert list(deep["kind"]) == ["main"]  # which is all there is of it
    assert len(set(table["id"])) == len(table)


def test_an_interaction_or_slope_without_variants_is_not_estimable(data: StudyData) -> None:
    table = effects_table(data, LOSS).set_index("id")
    there = table.loc["interaction norm none−batch depth 2−1"]
    assert there["estimate"] == pytest.approx(0.03)
    assert there["over"] == "1 of 2 combinations"
    for name in (
        "interaction norm none−batch depth 4−1",
        "interaction init naive−kaiming depth 2−1",
    ):
        assert table["n"][name] == 0
        assert table["note"][name] == (
            "NOT ESTIMABLE: no combination of the other factors has these four combinations"
        )
    slope = table.loc["slope depth per doubling"]
    assert (slope["over"], slope["n"]) == ("1 of 4 combinations", 6)
    assert set(seeds_table(data, LOSS)["id"]) == set(table.index[table["estimate"].notna()])


def test_levels_that_never_share_a_place_are_not_compared() -> None:
    part = simulated.data(simulated.study(CORNERS), truth)
    table = effects_table(part, LOSS).set_index("id")
    main = table.loc["main norm none−batch"]
    assert main["over"] == "0 of 3 combinations"
    assert main["note"] == (
        "NOT ESTIMABLE: no combination of the other factors has every level that is compared"
    )
    assert not table["rank_estimate"].notna()["main norm none−batch"]
    assert table["n"]["slope depth per doubling"] == 0
    assert list(table.index[table["estimate"].notna()]) == ["main depth 2−1"]


def test_a_share_whose_variants_are_left_out_says_which(data: StudyData) -> None:
    table = attribution_table(data, LOSS)
    assert list(dict.fromkeys(table["stratum"])) == ["depth 1", "depth 2"]  # depth 4 has none
    whole, part = table[table["stratum"] == "depth 2"], table[table["stratum"] == "depth 1"]
    assert whole["estimate"].notna().all()
    part = part.set_index(["method", "factor"])
    assert part.loc[("leave-one-out", "norm"), "estimate"] == pytest.approx(-0.13 - 0.0035)
    assert list(part.index[part["estimate"].notna()]) == [("leave-one-out", "norm")]
    assert part.loc[("total", ""), "note"] == (
        "NOT ESTIMABLE: there is no variant none, naive, depth 1"
    )


def test_one_change_at_a_time_has_main_effects_and_what_leaving_a_part_out_does(
    one_at_a_time: StudyData,
) -> None:
    table = effects_table(one_at_a_time, LOSS)
    known = table[table["estimate"].notna()]
    assert set(known["kind"]) == {"main", "slope"}
    assert set(table["kind"]) == {"main", "slope", "interaction"}
    shares = attribution_table(one_at_a_time, LOSS)
    assert set(shares["method"][shares["estimate"].notna()]) == {"leave-one-out"}
    said = " ".join(bottom_line(Source(one_at_a_time)))
    assert ", all else at the baseline" in said
    assert "Shapley" not in said
    assert "shows nothing about interactions." in " ".join(caveats(Source(one_at_a_time)))
    assert audit(one_at_a_time) == []


CLAIM = {"id": "c", "says": "s", "kind": "difference", "factor": "norm", "level": "batch",
         "versus": "none"}  # fmt: skip


def test_a_claim_is_about_the_places_that_have_all_of_its_variants() -> None:
    noise = simulated.noise(4, 0.001)
    asked = simulated.study(PART, claims=[
        CLAIM, CLAIM | {"id": "e", "over": "every"},
        CLAIM | {"id": "w", "where": {"depth": [1, 2]}},
        CLAIM | {"id": "d", "where": {"depth": 2}, "over": "every"},
        {"id": "t", "says": "s", "kind": "threshold", "below": 9, "where": {"norm": "none"}},
    ])  # fmt: skip
    mean, every, where, whole, threshold = (list(cells_of(asked, claim)) for claim in asked.claims)
    assert [cell.name for cell in mean] == ["mean of some cells"]
    assert mean[0].weights.keys() == {
        f"{norm}, {place}" for norm in ("none", "batch")
        for place in ("naive, depth 2", "kaiming, depth 1", "kaiming, depth 2")
    }  # fmt: skip
    assert [cell.name for cell in every] == [
        "init naive, depth 2", "init kaiming, depth 1", "init kaiming, depth 2",
    ]  # fmt: skip
    assert where[0].over == "3 of 4 combinations"
    assert [cell.over for cell in whole] == ["", ""]
    assert threshold[0].weights == pytest.approx(dict.fromkeys(
        ["none, naive, depth 2", "none, kaiming, depth 1", "none, kaiming, depth 2"], 1 / 3
    ))  # fmt: skip
    data = simulated.data(asked, lambda cell, seed: truth(cell, seed) + noise(cell, seed))
    assert list(claims_table(data, verdicts(data))["why"]) == [
        "mean of some cells; averaged over 3 of 6 combinations",
        "in each of 3 cells; the grid has 3 of 6 combinations",
        "depth 1 or 2; averaged over 3 of 4 combinations",
        "in each of 2 cells",
        "norm none; averaged over 3 of 6 combinations",
    ]


def test_every_contrast_ignores_what_all_variants_of_a_seed_share(data: StudyData) -> None:
    for effect in effects(data.study):
        assert sum(effect.weights.values()) == pytest.approx(0, abs=1e-12)


def test_a_variant_that_is_left_out_but_was_trained_is_not_used(data: StudyData) -> None:
    more = simulated.runs_of(simulated.study(PART, exclude=[]), truth)
    whole = simulated.data(data.study, truth, runs=more)
    assert effects_table(whole, LOSS).equals(effects_table(data, LOSS))
    assert grid(whole, LOSS).values.equals(grid(data, LOSS).values)
    (finding,) = audit(whole)
    assert finding.message == "30 runs are not part of the study, and left out."


def test_a_predicted_difference_is_between_variants_that_have_a_counterpart() -> None:
    text = PART.replace('norm = "none"\ndepth = 4', 'norm = "none"\ndepth = [1, 2]\ninit = "naive"')
    asked = simulated.study(text)

    def saturation(cell: Levels, seed: int) -> float:
        return 0.01 * float(str(cell["depth"])) + 1e-5 * seed * (cell["init"] == "naive")

    table = predictions_table(simulated.data(asked, saturation, "init/saturation_mean"))
    row = table[table["id"] == "norm-ignores-scale"].iloc[0]
    assert (row["cells"], row["outcome"]) == (2, "agrees")  # at depth 2 alone
    assert row["observed"] == pytest.approx(3.5e-5)
