"""Contrasts are what a factorial grid is asked for, against statsmodels and by hand."""

import itertools
from dataclasses import replace
from math import sqrt

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from scipy import stats

from harness.analysis.attribution import attributed_factors, attribution
from harness.analysis.contrasts import effects, scores
from harness.analysis.effects import (
    attribution_table,
    change,
    conditional,
    effects_table,
    ranks_disagree,
    seeds_table,
)
from harness.analysis.grid import contrast, grid
from harness.analysis.intervals import estimate, mean, mean_intervals, sign_flip_p
from harness.study.levels import Levels
from tests.support import simulated

TWO = """
question = "?"
seeds = 6
[factors]
norm = ["none", "batch"]
depth = [1, 2, 4]
[baseline]
norm = "batch"
depth = 1
[bare]
norm = "none"
"""


def messy(cell: Levels, seed: int) -> float:
    """Main effects, an interaction, a seed's own level, and noise."""
    norm, depth = cell["norm"] == "batch", float(str(cell["depth"]))
    draw = np.random.default_rng([seed, int(norm), int(depth)]).standard_normal()
    return 2 - 0.1 * norm + 0.02 * depth - 0.03 * norm * depth + 0.2 * seed + 0.01 * draw


@pytest.mark.parametrize("value", [2.1, 9.9, 1e-11, 1e11])  # 9.9 is cut to the cap
def test_equal_runs_differ_by_exactly_0_in_every_effect_and_share(value: float) -> None:
    data = simulated.data(simulated.study(), lambda _cell, _seed: value)
    for table in (effects_table(data, "final/dev_loss"), attribution_table(data, "final/dev_loss")):
        assert set(table["estimate"]) == set(table["low"]) == set(table["high"]) == {0.0}


def test_small_differences_of_large_numbers_are_kept() -> None:
    data = simulated.data(simulated.study(TWO), lambda cell, _: 2 + 1e-11 * (cell["depth"] == 4))
    table = effects_table(data, "final/dev_loss").set_index("id")["estimate"]
    assert table["main depth 4−1"] == pytest.approx(1e-11, rel=1e-4)


def test_effects_equal_a_least_squares_fit_with_seeds_as_blocks() -> None:
    data = simulated.data(simulated.study(TWO), messy)
    frame = data.runs.rename(columns={"final/dev_loss": "y"})
    model = "y ~ C(norm, Sum('none')) * C(depth, Sum('4')) + C(seed)"
    fit = smf.ols(model.replace("Sum('none')", "Treatment('batch')").replace(
        "Sum('4')", "Treatment('1')"), frame).fit()  # fmt: skip
    table = effects_table(data, "final/dev_loss").set_index("id")["estimate"]
    none, none4 = "C(norm, Treatment('batch'))[T.none]", "C(depth, Treatment('1'))[T.4]"
    assert table["simple norm none−batch [depth 1]"] == pytest.approx(fit.params[none])
    assert table["simple depth 4−1 [norm batch]"] == pytest.approx(fit.params[none4])
    both = f"{none}:{none4}"
    assert table["interaction norm none−batch depth 4−1"] == pytest.approx(fit.params[both])


def test_an_interval_of_a_main_effect_is_the_paired_t_interval() -> None:
    data = simulated.data(simulated.study(TWO), messy)
    wide = data.runs.pivot_table(index="seed", columns="norm", values="final/dev_loss")
    paired = stats.ttest_rel(wide["none"], wide["batch"])
    row = effects_table(data, "final/dev_loss", ("main",)).iloc[0]
    interval = paired.confidence_interval(0.95)
    assert (row["low"], row["high"]) == pytest.approx((interval.low, interval.high))
    assert row["estimate"] / row["se"] == pytest.approx(paired.statistic)


def test_a_slope_is_the_least_squares_slope_by_doubling() -> None:
    data = simulated.data(
        simulated.study(TWO), lambda c, s: 0.1 * s + 0.5 * np.log2(int(c["depth"]))
    )
    rows = effects_table(data, "final/dev_loss", ("slope",))
    assert list(rows["level"].unique()) == ["per doubling"]
    assert rows["estimate"].to_numpy() == pytest.approx(0.5)


def test_no_bit_depends_on_the_order_of_a_sum() -> None:
    """Sums from left to right give 0, 1 or 2 here."""
    for values in itertools.permutations((1e16, 1.0, -1e16, 1.0)):
        assert (mean(values), mean(np.array(values))) == (0.5, 0.5)
        table = pd.DataFrame({"cell": "one", "value": values})
        assert mean_intervals(table, ["cell"])["mean"].tolist() == [0.5]


def test_a_mean_over_seeds_has_its_t_interval() -> None:
    values = np.random.default_rng(3).standard_normal((3, 5))
    table = pd.DataFrame({"cell": [2, 0, 1] * 5, "value": values.T.ravel()})
    found = mean_intervals(
        pd.concat([table, pd.DataFrame({"cell": [7], "value": [0.5]})]), ["cell"]
    )
    assert list(found["cell"]) == [0, 1, 2, 7]
    assert list(found["n"]) == [5, 5, 5, 1]
    for cell, row in zip((2, 0, 1), values, strict=True):
        known = stats.ttest_1samp(row, 0).confidence_interval(0.95)
        ends = found.loc[found["cell"] == cell, ["low", "high"]].to_numpy()[0]
        assert ends == pytest.approx((known.low, known.high))
    assert found.iloc[3][["low", "high"]].isna().all()


def test_levels_without_an_order_have_no_slope() -> None:
    assert scores(("none", "batch", "layer")) is None
    assert scores((1000, 4000, "all")) is None
    assert scores((False, True)) is None
    assert scores((1, 2)) is None
    unit, weights = scores((1, 2, 3)) or ("", ())
    assert unit == "per unit"
    assert weights == pytest.approx((-0.5, 0, 0.5))


def test_every_contrast_ignores_what_all_variants_of_a_seed_share() -> None:
    asked = simulated.study()
    measured = grid(simulated.data(asked, lambda _, seed: 0.1 * seed), "final/dev_loss")
    for effect in effects(asked):
        assert contrast(measured, effect.weights).values == pytest.approx(0, abs=1e-12)


def test_shapley_shares_sum_to_baseline_minus_bare_in_every_stratum_and_seed() -> None:
    data = simulated.data(simulated.study(), simulated.noise(3))
    measured = grid(data, "final/dev_loss")
    shares = list(attribution(data.study))
    strata = {share.stratum for share in shares}
    assert strata == {"depth 1", "depth 5", "depth 10"}
    for stratum in strata:
        here = [share for share in shares if share.stratum == stratum]
        total = next(share for share in here if share.method == "total")
        parts = [contrast(measured, s.weights).values for s in here if s.method == "shapley"]
        assert np.sum(parts, axis=0) == pytest.approx(contrast(measured, total.weights).values)


def test_shapley_of_two_parts_is_the_mean_of_both_orders() -> None:
    text = TWO.replace('norm = "none"\n', 'norm = "none"\ndepth = 4\n')
    data = simulated.data(simulated.study(text), messy)
    y = data.runs.groupby(["norm", "depth"])["final/dev_loss"].mean()
    first = y["batch", "4"] - y["none", "4"]
    last = y["batch", "1"] - y["none", "1"]
    table = attribution_table(data, "final/dev_loss").set_index(["method", "factor"])["estimate"]
    assert table["add-one-in", "norm"] == pytest.approx(first)
    assert table["leave-one-out", "norm"] == pytest.approx(last)
    assert table["shapley", "norm"] == pytest.approx((first + last) / 2)


def test_a_part_whose_bare_level_is_its_baseline_level_has_no_share() -> None:
    assert attributed_factors(simulated.study(TWO, bare={"norm": "batch", "depth": 4})) == (
        "depth",
    )
    without = simulated.data(simulated.study(TWO, bare={}), messy)
    assert attribution_table(without, "final/dev_loss").empty


def test_a_main_effect_whose_simple_effects_change_sign_is_conditional() -> None:
    asked, noise = simulated.study(), simulated.noise(1)

    def crossing(cell: Levels, seed: int) -> float:
        sign = 1 if cell["depth"] == 10 else -1
        return 0.1 * sign * (cell["norm"] == "batch") + noise(cell, seed)

    table = effects_table(simulated.data(asked, crossing), "final/dev_loss")
    said = table[table["kind"] == "main"].set_index("factor")["conditional"]
    assert said["init"] == ""
    simple = table[(table["kind"] == "simple") & (table["factor"] == "norm")]
    places = simple.set_index("where")["estimate"]
    lower, higher = places.idxmin(), places.idxmax()
    most, least = f"+{places.max():.3g} nats", f"−{-places.min():.3g} nats"
    assert said["norm"] == f"higher at {higher} ({most}), lower at {lower} ({least})"
    assert str(lower).endswith("depth 10")
    assert set(table["conditional"][table["kind"] != "main"]) == {""}


@pytest.mark.parametrize(("size", "said"), [(0.009, False), (0.011, True)])
def test_an_effect_within_the_margin_has_no_direction(size: float, said: bool) -> None:
    def truth(cell: Levels, seed: int) -> float:
        sign = {1: 1, 2: -1, 4: 0}[int(str(cell["depth"]))]
        return 2 + 1e-5 * seed * sign + size * sign * (cell["norm"] == "none")

    data = simulated.data(simulated.study(TWO), truth)
    table = effects_table(data, "final/dev_loss", ("main",)).set_index("factor")["conditional"]
    where = f"higher at depth 1 (+{size:g} nats), lower at depth 2 (−{size:g} nats)"
    assert table["norm"] == (where if said else "")


@pytest.mark.parametrize("large", [1, -1])
def test_one_direction_beyond_the_margin_is_not_two(large: int) -> None:
    """The other end lies within the margin, on whichever side of 0."""

    def truth(cell: Levels, seed: int) -> float:
        effect = {1: 0.5 * large, 2: -0.005 * large, 4: 0.0}[int(str(cell["depth"]))]
        return 2 + 1e-5 * seed * float(cell["depth"] == 1) + effect * float(cell["norm"] == "none")

    table = effects_table(simulated.data(simulated.study(TWO), truth), "final/dev_loss", ("main",))
    assert table.set_index("factor")["conditional"]["norm"] == ""


def test_a_place_is_named_only_if_its_effect_is_shown() -> None:
    def truth(cell: Levels, seed: int) -> float:
        depth, out = cell["depth"], cell["norm"] == "none"
        if depth == 2:
            return 100 + (-5 if seed % 2 else 15) * out  # the largest on average, and unsure
        return 100 + (0.5 if depth == 1 else -0.5) * out

    response = "last/gradient_growth"
    data = simulated.data(simulated.study(TWO), truth, response)
    table = effects_table(data, response, ("main", "simple"))
    none = table[table["factor"] == "norm"].set_index("where")
    assert none["estimate"].idxmax() == "depth 2"
    assert none["conditional"].iloc[0] == "higher at depth 1 (+0.5), lower at depth 4 (−0.5)"


@pytest.mark.parametrize(("errors", "said"), [(3.0, False), (4.0, True)])
def test_directions_are_shown_for_all_places_together(errors: float, said: bool) -> None:
    """Of three places: 3 errors beyond the margin are enough for one, not for all at once."""
    error = 0.1 * sqrt(6 / 5) / sqrt(6)

    def truth(cell: Levels, seed: int) -> float:
        first: float = 0.01 + errors * error + 0.1 * (-1) ** seed
        effect = {1: first, 2: -1.0, 4: 0.0}[int(str(cell["depth"]))]
        return 2 + effect * float(cell["norm"] == "none")

    table = effects_table(simulated.data(simulated.study(TWO), truth), "final/dev_loss", ("main",))
    assert (table.set_index("factor")["conditional"]["norm"] != "") == said


def test_an_effect_at_the_margin_is_rarely_said_to_be_beyond_it() -> None:
    asked = simulated.study(TWO)

    def truth(cell: Levels, _: int) -> float:
        effect = -0.5 if cell["depth"] == 2 else asked.response().margin
        return 2 + effect * float(cell["norm"] == "none")

    measured = grid(simulated.data(asked, truth), "final/dev_loss")
    main, generator = effects(asked, ("main",))[0], np.random.default_rng(0)
    draws = [0.01 * generator.standard_normal(measured.values.shape) for _ in range(300)]
    noisy = [replace(measured, values=measured.values + draw) for draw in draws]
    called = sum(conditional(asked, one, main) != "" for one in noisy)
    assert 0 < called / 300 <= 0.05


def test_a_change_carries_its_unit() -> None:
    responses = simulated.study().model.responses
    assert change(responses["final/dev_loss"], -0.123456) == "−0.123 nats"
    assert change(responses["final/saturation_worst"], 0.05) == "+5 pp"
    assert change(replace(responses["final/dev_loss"], unit=""), 2.0) == "+2"


@pytest.mark.parametrize(("far", "spread", "disagree"), [
    (1.0, 0.006, True), (0.001, 0.006, False), (1.0, 0.008, False),
])  # fmt: skip
def test_ranks_disagree_where_one_cell_outweighs_the_others(
    far: float, spread: float, disagree: bool
) -> None:
    noise = simulated.noise(2, spread)

    def truth(cell: Levels, seed: int) -> float:
        effect = far if cell["depth"] == 4 else -0.01
        return 2 + effect * (cell["norm"] == "none") + noise(cell, seed)

    data = simulated.data(simulated.study(TWO), truth)
    row = effects_table(data, "final/dev_loss", ("main",)).iloc[0]
    ranks = data.runs.groupby("seed")["final/dev_loss"].rank()
    sums = ranks.groupby([data.runs["seed"], data.runs["norm"]]).mean().unstack()
    by_hand = stats.ttest_rel(sums["none"], sums["batch"])
    assert row["rank_estimate"] == pytest.approx((sums["none"] - sums["batch"]).mean())
    against = by_hand.pvalue < 0.05 and by_hand.statistic * row["estimate"] < 0
    assert ranks_disagree(row) == against == disagree


def test_sign_flip_p_counts_all_flips_and_needs_six_seeds() -> None:
    assert np.isnan(sign_flip_p(np.ones(5)))
    assert sign_flip_p(np.array([1.0, 2, 3, 4, 5, 6])) == 2 / 64
    assert sign_flip_p(np.array([1.0, -1, 1, -1, 1, -1])) == 1.0
    assert sign_flip_p(np.ones(30)) == 2 / 2**30
    assert np.isnan(sign_flip_p(np.ones(31)))


def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    draws = np.random.default_rng(0).standard_normal((4000, 3)) + 1
    found = [estimate(row) for row in draws]
    covered = np.mean([e.low <= 1 <= e.high for e in found])
    assert abs(covered - 0.95) < 0.011  # three standard errors of a share in 4000


def test_one_seed_gives_an_estimate_and_no_interval() -> None:
    data = simulated.data(simulated.study(TWO, seeds=1), messy)
    row = effects_table(data, "final/dev_loss").iloc[0]
    assert np.isfinite(row["estimate"])
    assert np.isnan(row["low"])
    assert row["note"] == "one seed, no interval"
    assert len(seeds_table(data, "final/dev_loss", ("main",))) == 3


def test_no_spread_between_seeds_is_said() -> None:
    data = simulated.data(simulated.study(TWO), lambda cell, _: 0.1 * (cell["norm"] == "batch"))
    row = effects_table(data, "final/dev_loss").iloc[0]
    assert (row["low"], row["high"]) == (row["estimate"], row["estimate"])
    assert row["note"] == "no spread between seeds"


@pytest.mark.parametrize(("seeds", "said"), [(4, "few seeds, wide interval"), (5, "")])
def test_an_interval_over_few_seeds_is_said_to_be_wide(seeds: int, said: str) -> None:
    asked = simulated.study(TWO, seeds=seeds)
    table = effects_table(simulated.data(asked, simulated.noise()), "final/dev_loss", ("main",))
    assert set(table["note"]) == {said}


def test_a_factor_of_one_level_and_a_study_of_one_factor_have_what_they_can_have() -> None:
    one = simulated.study(TWO, factors={"norm": ["batch"], "depth": [3]},
                          baseline={"norm": "batch", "depth": 3}, bare={})  # fmt: skip
    assert effects_table(simulated.data(one, simulated.noise()), "final/dev_loss").empty
    only = simulated.study(TWO, factors={"residual": [False, True]},
                           baseline={"residual": False}, bare={})  # fmt: skip
    ids = list(effects_table(simulated.data(only, simulated.noise()), "final/dev_loss")["id"])
    assert ids == ["main residual true−false"]


def test_two_factors_that_share_their_levels_are_told_apart() -> None:
    asked = simulated.study(
        TWO, factors={"norm": ["none", "batch"], "output_norm": ["none", "batch"], "depth": [1, 2]},
        baseline={"norm": "batch", "output_norm": "batch", "depth": 1},
    )  # fmt: skip
    ids = [effect.id for effect in effects(asked)]
    assert len(set(ids)) == len(ids)
    assert "within depth 2−1 [output_norm none]" in ids


def test_the_order_of_rows_does_not_matter() -> None:
    asked = simulated.study(TWO)
    runs = simulated.runs_of(asked, messy)
    shuffled = runs.sample(frac=1, random_state=3)
    one, other = (simulated.data(asked, messy, runs=table) for table in (runs, shuffled))
    assert one == other
    response = "final/dev_loss"
    assert effects_table(one, response).equals(effects_table(other, response))
