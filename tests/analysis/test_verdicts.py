"""Claims get the verdict that the runs allow, at the error rate that is promised."""

from typing import Any

import numpy as np
import pytest
from scipy import stats

from harness.analysis.claims_table import claims_table, stamps
from harness.analysis.frames import StudyData
from harness.analysis.verdicts import (
    ALPHA,
    Verdict,
    holm,
    p_values,
    seeds_needed,
    verdicts,
    worst_interval,
)
from harness.study.levels import Levels
from tests.support import simulated

BELOW: dict[str, Any] = {"id": "below", "says": "s", "kind": "threshold", "below": 0.5}
LOWER: dict[str, Any] = {
    "id": "lower", "says": "s", "kind": "difference", "factor": "norm", "level": "batch",
    "versus": "none", "direction": "lower",
}  # fmt: skip
SAME = {key: value for key, value in LOWER.items() if key != "direction"}
SAME |= {"id": "same", "kind": "equivalence"}
MORE: dict[str, Any] = LOWER | {"id": "more", "kind": "interaction", "by": "depth", "at": [10, 1]}


def judged(claim: dict[str, Any], truth: simulated.Truth, seeds: int = 5) -> Verdict:
    asked = simulated.study(claims=[claim], seeds=seeds)
    return verdicts(simulated.data(asked, truth))[0]


def shifted(amount: float, at: Levels | None = None, sd: float = 0.002) -> simulated.Truth:
    """Loss 1, changed by an amount with BatchNorm (in some cells only), and noise."""
    noise = simulated.noise(5, sd)

    def truth(cell: Levels, seed: int) -> float:
        meant = cell["norm"] == "batch" and all(cell[f] == v for f, v in (at or {}).items())
        return 1 + amount * meant + noise(cell, seed)

    return truth


@pytest.mark.parametrize(
    ("claim", "amount", "verdict"),
    [
        (LOWER, -0.1, "SUPPORTED"),
        (LOWER, 0.1, "REFUTED"),
        (LOWER, -0.001, "REFUTED"),  # lower, but by less than the margin
        (LOWER | {"direction": "higher"}, 0.1, "SUPPORTED"),
        (LOWER | {"direction": "higher"}, -0.1, "REFUTED"),
        (LOWER | {"margin": -0.05}, 0.02, "SUPPORTED"),  # higher, but no worse than by so much
        (LOWER | {"margin": -0.05}, 0.1, "REFUTED"),
        (LOWER | {"direction": "higher", "margin": -0.05}, -0.02, "SUPPORTED"),
        (LOWER | {"over": "every"}, -0.1, "SUPPORTED"),
        (LOWER | {"over": "every"}, 0.1, "REFUTED"),
        (SAME, 0.001, "SUPPORTED"),
        (SAME, 0.1, "REFUTED"),
        (SAME, -0.1, "REFUTED"),
        (BELOW | {"below": 1.2}, 0.1, "SUPPORTED"),
        (BELOW, 0.1, "REFUTED"),
        ({"id": "a", "says": "s", "kind": "threshold", "above": 0.5}, 0.0, "SUPPORTED"),
        ({"id": "a", "says": "s", "kind": "threshold", "above": 1.5}, 0.0, "REFUTED"),
    ],
)
def test_a_clear_truth_gets_its_verdict(claim: dict[str, Any], amount: float, verdict: str) -> None:
    assert judged(claim, shifted(amount)).verdict == verdict


def test_a_claim_on_every_cell_fails_with_one_cell_and_names_it() -> None:
    at = {"init": "naive", "output_scale": 0.1, "depth": 5}
    noise = simulated.noise(2, 0.001)

    def truth(cell: Levels, seed: int) -> float:
        bad = all(cell[f] == v for f, v in at.items())
        return 1 + (0.1 if bad else -0.1) * (cell["norm"] == "batch") + noise(cell, seed)

    every = judged(LOWER | {"over": "every"}, truth)
    assert every.verdict == "REFUTED"
    assert every.cell == "init naive, output_scale 0.1, depth 5"
    assert every.estimate == pytest.approx(0.1, abs=0.01)
    assert judged(LOWER, truth).verdict == "SUPPORTED"


def test_an_interaction_is_a_difference_of_differences() -> None:
    assert judged(MORE, shifted(-0.1, {"depth": 10})).verdict == "SUPPORTED"
    assert judged(MORE, shifted(-0.1)).verdict == "REFUTED"


def test_where_picks_the_cells() -> None:
    truth = shifted(-0.1, {"depth": 10})
    assert judged(LOWER | {"where": {"depth": 10}, "over": "every"}, truth).verdict == "SUPPORTED"
    assert judged(LOWER | {"where": {"depth": [1, 5]}}, truth).verdict == "REFUTED"


def test_noise_is_inconclusive_and_the_seeds_it_would_take_are_guessed() -> None:
    found = judged(LOWER, shifted(-0.012, sd=0.02), seeds=3)
    assert found.verdict == "INCONCLUSIVE"
    assert found.low < found.bound < found.high


def test_the_seeds_it_would_take_are_counted_by_hand() -> None:
    below, above = np.array([[-2.0], [-1.0], [0.0]]), np.array([[0.0] * 2, [1.0] * 2, [2.0] * 2])
    # sd 1, mean ∓1: √10 ≥ t(.975, 9) + t(.8, 9) = 3.146, √9 < t(.975, 8) + t(.8, 8) = 3.195
    assert seeds_needed(below, 0.05) == "10"
    # two halves against it: √13 ≥ t(.9875, 12) + t(.8, 12) = 3.433, √12 < 3.469
    assert seeds_needed(above, 0.05) == "13"
    assert seeds_needed(below / 1000 + [[-1.0], [0.0], [1.0]], 0.05) == ">100"


def test_where_all_runs_diverged_nothing_is_testable() -> None:
    asked = simulated.study(claims=[LOWER, SAME | {"id": "b"}])
    runs = simulated.runs_of(asked, shifted(-0.1)).assign(outcome="diverged")
    found = verdicts(simulated.data(asked, shifted(-0.1), runs=runs))
    assert [one.verdict for one in found] == ["NOT TESTABLE"] * 2
    assert {one.tested.reason for one in found} == {"every run it needs diverged"}


def test_one_seed_and_missing_runs_are_not_testable() -> None:
    assert judged(LOWER, shifted(-0.1), seeds=1).verdict == "NOT TESTABLE"
    asked = simulated.study(claims=[LOWER, LOWER | {"id": "b", "where": {"depth": 1}}])
    runs = simulated.runs_of(asked, shifted(-0.1))
    lost = runs[(runs["depth"] == "10") & (runs["seed"] == 3)].index[0]
    found = verdicts(simulated.data(asked, shifted(-0.1), runs=runs.drop(index=lost)))
    assert [one.verdict for one in found] == ["NOT TESTABLE", "SUPPORTED"]
    assert found[0].tested.reason == "of 120 runs, 1 missing or without this response"


def test_seeds_that_do_not_differ_give_a_verdict_without_a_warning() -> None:
    constant = judged(LOWER, lambda cell, _: 1 - 0.1 * (cell["norm"] == "batch"))
    assert constant.verdict == "SUPPORTED"
    assert judged(BELOW | {"below": 1.0}, lambda *_: 1.0).verdict == "INCONCLUSIVE"
    assert p_values(np.full((3, 1), -0.1)) == (0, 1)
    assert p_values(np.zeros((3, 1))) == (1, 1)


def test_p_of_one_cell_is_the_one_sided_t_test_and_of_two_the_larger() -> None:
    d = np.random.default_rng(0).standard_normal((6, 2)) - 0.5
    each = [stats.ttest_1samp(column, 0, alternative="less").pvalue for column in d.T]
    assert p_values(d[:, :1]) == pytest.approx((each[0], 1 - each[0]))
    assert p_values(d) == pytest.approx((max(each), min(1.0, 2 * (1 - max(each)))))


def test_holm_by_hand() -> None:
    adjusted, alphas = holm(np.array([0.04, 0.01, 0.9]))
    assert adjusted == pytest.approx([0.08, 0.03, 0.9])
    assert alphas == pytest.approx([ALPHA / 2, ALPHA / 3, ALPHA / 2])
    assert [len(each) for each in holm(np.array([]))] == [0, 0]


def test_no_interval_contradicts_its_verdict() -> None:
    """Whatever the truth: a bound left out is a verdict, one left in is none."""
    generator = np.random.default_rng(7)
    for _ in range(25):
        amount, sd = generator.uniform(-0.05, 0.05), generator.uniform(0.001, 0.05)
        noise = simulated.noise(int(generator.integers(10_000)), sd)
        claims = [
            claim | {"id": f"{claim['id']}-{over}", "over": over}
            for claim in (LOWER, SAME, MORE, BELOW | {"below": 1.01})
            for over in ("every", "mean")
        ]
        asked = simulated.study(claims=claims, seeds=4, factors=SMALL, baseline=BASELINE, bare={})

        def truth(cell: Levels, seed: int, a: float = amount, n: simulated.Truth = noise) -> float:
            return 1 + a * (cell["norm"] == "batch") + n(cell, seed)

        for found in verdicts(simulated.data(asked, truth)):
            inside = found.low < found.bound < found.high
            assert inside == (found.verdict == "INCONCLUSIVE")
            assert found.low <= found.estimate <= found.high


SMALL = {"norm": ["none", "batch"], "depth": [1, 10]}
BASELINE = {"norm": "batch", "depth": 10}


@pytest.mark.parametrize("k", [1, 2, 12])
def test_wrong_verdicts_on_the_boundary_are_as_rare_as_promised(k: int) -> None:
    """On its boundary a claim is false, its negation true: SUPPORTED is the wrong verdict."""
    generator = np.random.default_rng(k)
    wrong = refuted = 0
    for _ in range(1500):
        d = generator.standard_normal((4, k))
        p_for, p_against = p_values(d)
        wrong += 2 * p_for <= ALPHA
        refuted += 2 * p_against <= ALPHA
    margin = 3 * (0.025 * 0.975 / 1500) ** 0.5
    assert wrong / 1500 <= ALPHA / 2 + margin
    assert refuted / 1500 <= ALPHA / 2 + margin


def test_the_interval_of_the_worst_cell_covers_it() -> None:
    generator = np.random.default_rng(1)
    means = np.array([0.0, 0.1, 0.3, 0.3])
    ends = [worst_interval(means + generator.standard_normal((5, 4)), 0.05) for _ in range(1000)]
    covered = np.mean([low <= 0.3 <= high for low, high in ends])
    assert covered >= 0.95 - 3 * (0.05 * 0.95 / 1000) ** 0.5


def test_no_more_than_one_family_in_twenty_has_a_wrong_verdict() -> None:
    """Eight true or false claims on the boundary at once, after Holm."""
    generator = np.random.default_rng(3)
    wrong = 0
    for _ in range(800):
        tests = [p_values(generator.standard_normal((4, 1))) for _ in range(8)]
        p = np.array([min(1, 2 * min(pair)) for pair in tests])
        supported = [pair[0] < pair[1] for pair in tests]
        wrong += bool(((holm(p)[0] <= ALPHA) & np.array(supported)).any())
    assert wrong / 800 <= ALPHA + 3 * (0.05 * 0.95 / 800) ** 0.5


def facts(data: StudyData, **more: str) -> StudyData:
    return simulated.data(data.study, shifted(0), facts=simulated.FACTS | more)


def test_changed_claims_and_late_seeds_are_stamped() -> None:
    data = simulated.data(simulated.study(claims=[LOWER]), shifted(0))
    assert stamps(data) == []
    assert stamps(facts(data, claims_digest="other")) == ["claims changed after the first run"]
    assert stamps(facts(data, first_seeds="1-3")) == ["seeds added after the first session: 4-5"]
    assert stamps(facts(data, first_seeds="1-5")) == []
    stamped = claims_table(facts(data, claims_digest="x"), verdicts(data))["stamps"][0]
    assert stamped == "claims changed after the first run"


def test_ranks_stand_beside_claims_on_losses() -> None:
    data = simulated.data(simulated.study(claims=[LOWER, BELOW]), shifted(-0.1))
    table = claims_table(data, verdicts(data))
    assert table["rank_estimate"][0] == -12.0
    assert np.isnan(table["rank_estimate"][1])
