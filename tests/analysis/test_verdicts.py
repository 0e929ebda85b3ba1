"""Claims get the verdict that the runs allow, at the error rate that is promised."""

from typing import Any

import numpy as np
import pytest
from scipy import stats

from harness.analysis.claims_table import (
    claim_cells_table,
    claims_table,
    looks_table,
    stability_table,
    stamps,
)
from harness.analysis.frames import StudyData
from harness.analysis.one_sided import ANY_TIME, T_TEST
from harness.analysis.statements import below, lower, within
from harness.analysis.verdicts import (
    ALPHA,
    Verdict,
    decide,
    verdicts,
    verdicts_by_look,
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
        (LOWER, 0.1, "OPPOSITE"),
        (LOWER, -0.001, "NEGLIGIBLE"),  # lower, but by less than the margin
        (LOWER, 0.001, "NEGLIGIBLE"),
        (LOWER, 0.01, "FAILS"),  # not lower; negligible or opposite is open
        (LOWER | {"direction": "higher"}, 0.1, "SUPPORTED"),
        (LOWER | {"direction": "higher"}, -0.1, "OPPOSITE"),
        (LOWER | {"margin": -0.05}, 0.02, "SUPPORTED"),  # higher, but no worse than by so much
        (LOWER | {"margin": -0.05}, 0.1, "FAILS"),
        (LOWER | {"margin": 0.0}, 0.02, "OPPOSITE"),
        (LOWER | {"direction": "higher", "margin": -0.05}, -0.02, "SUPPORTED"),
        (LOWER | {"over": "every"}, -0.1, "SUPPORTED"),
        (LOWER | {"over": "every"}, 0.1, "OPPOSITE"),
        (LOWER | {"over": "every"}, 0.001, "NEGLIGIBLE"),
        (SAME, 0.001, "SUPPORTED"),
        (SAME, 0.1, "FAILS"),
        (SAME, -0.1, "FAILS"),
        (SAME | {"over": "every"}, -0.1, "FAILS"),
        (BELOW | {"below": 1.2}, 0.1, "SUPPORTED"),
        (BELOW, 0.1, "FAILS"),
        ({"id": "a", "says": "s", "kind": "threshold", "above": 0.5}, 0.0, "SUPPORTED"),
        ({"id": "a", "says": "s", "kind": "threshold", "above": 1.5}, 0.0, "FAILS"),
    ],
)
def test_a_clear_truth_gets_its_verdict(claim: dict[str, Any], amount: float, verdict: str) -> None:
    assert judged(claim, shifted(amount)).word == verdict


def some_cells_fail(worst: float = 0.1) -> simulated.Truth:
    at = {"init": "naive", "output_scale": 0.1, "depth": 5}
    noise = simulated.noise(2, 0.001)

    def truth(cell: Levels, seed: int) -> float:
        bad = all(cell[f] == v for f, v in at.items())
        return 1 + (worst if bad else -0.1) * (cell["norm"] == "batch") + noise(cell, seed)

    return truth


def test_a_claim_on_every_cell_fails_with_one_cell_and_names_it() -> None:
    every = judged(LOWER | {"over": "every"}, some_cells_fail())
    assert every.word == "NOT EVERYWHERE"
    assert every.cell == "init naive, output_scale 0.1, depth 5"
    assert every.failing == (every.cell,)
    assert len(every.holding) == 11
    assert every.estimate == pytest.approx(0.1, abs=0.01)
    assert judged(LOWER, some_cells_fail()).word == "SUPPORTED"


def test_a_claim_that_fails_in_every_cell_the_one_way_or_the_other_fails() -> None:
    noise = simulated.noise(2, 0.001)

    def truth(cell: Levels, seed: int) -> float:
        cost = 0.1 if cell["depth"] == 1 else 0.0
        return 1 + cost * (cell["norm"] == "batch") + noise(cell, seed)

    found = judged(LOWER | {"over": "every"}, truth)
    assert (found.word, found.holding) == ("FAILS", ())
    assert len(found.failing) == 12
    assert found.tipping[0] < found.tipping[1]


def test_the_line_about_a_claim_says_where_it_fails_and_holds() -> None:
    def why(claim: dict[str, Any], truth: simulated.Truth) -> str:
        data = simulated.data(simulated.study(claims=[claim]), truth)
        return str(claims_table(data, verdicts(data))["why"][0])

    every = LOWER | {"over": "every"}
    assert why(every, some_cells_fail()) == "fails in 1 of 12 cells, shown to hold in 11"
    assert why(every, shifted(-0.1)) == "in each of 12 cells"
    assert why(every, some_cells_fail(worst=-0.01)) == "shown to hold in 11 of 12 cells"
    assert why(every, shifted(0.01)) == "fails in each of 12 cells"
    assert why(LOWER, shifted(-0.1)) == "mean of all cells"


def test_the_estimate_of_several_cells_is_not_given_as_the_claims() -> None:
    claims = [LOWER | {"over": "every"}, LOWER | {"id": "mean"}]
    data = simulated.data(simulated.study(claims=claims), shifted(-0.1))
    table = claims_table(data, verdicts(data))
    assert np.isnan(table["estimate"][0])
    assert table["cell_estimate"][0] == pytest.approx(-0.1, abs=0.01)
    assert table["estimate"][1] == table["cell_estimate"][1]


def test_an_interaction_is_a_difference_of_differences() -> None:
    assert judged(MORE, shifted(-0.1, {"depth": 10})).word == "SUPPORTED"
    assert judged(MORE, shifted(-0.1)).word == "NEGLIGIBLE"


def test_where_picks_the_cells() -> None:
    truth = shifted(-0.1, {"depth": 10})
    assert judged(LOWER | {"where": {"depth": 10}, "over": "every"}, truth).word == "SUPPORTED"
    assert judged(LOWER | {"where": {"depth": [1, 5]}}, truth).word == "NEGLIGIBLE"


def test_noise_is_inconclusive() -> None:
    found = judged(LOWER, shifted(-0.012, sd=0.02), seeds=3)
    assert found.word == "INCONCLUSIVE"
    assert found.low < -0.01 < found.high


def test_bit_equal_cells_count_once() -> None:
    """Under BatchNorm init and scale change no bit here: 12 cells are 3, and the level knows it."""
    noise = simulated.noise(4, 0.01)

    def truth(cell: Levels, seed: int) -> float:
        alike = {"depth": cell["depth"]} if cell["norm"] == "batch" else cell
        return 1 + noise(alike, seed)

    claim = BELOW | {"below": 0.99, "where": {"norm": "batch"}, "over": "every"}
    found = judged(claim, truth)
    assert len(found.evidence.cells) == 3
    assert [len(names) for names in found.evidence.twins.values()] == [3, 3, 3]
    distinct = judged(
        claim | {"where": {"norm": "batch", "init": "naive", "output_scale": 1.0}}, truth
    )
    assert (found.low, found.high, found.p_against) == (
        distinct.low, distinct.high, distinct.p_against,
    )  # fmt: skip
    data = simulated.data(simulated.study(claims=[claim]), truth)
    row = claims_table(data, verdicts(data)).iloc[0]
    assert (row["cells"], row["distinct"]) == (12, 3)
    assert "9 more cells have the same bits" in row["why"]


def test_where_all_runs_diverged_nothing_is_testable() -> None:
    asked = simulated.study(claims=[LOWER, SAME | {"id": "b"}])
    runs = simulated.runs_of(asked, shifted(-0.1)).assign(outcome="diverged")
    found = verdicts(simulated.data(asked, shifted(-0.1), runs=runs))
    assert [one.word for one in found] == ["NOT TESTABLE"] * 2
    assert {one.evidence.reason for one in found} == {"every run it needs diverged"}


def test_what_is_measured_at_init_is_testable_though_every_run_diverged_later() -> None:
    response = "init/loss"
    asked = simulated.study(claims=[LOWER | {"response": response}])
    runs = simulated.runs_of(asked, shifted(-0.1), response).assign(outcome="diverged")
    (found,) = verdicts(simulated.data(asked, shifted(-0.1), response, runs=runs))
    assert (found.word, found.if_no_run_fails) == ("SUPPORTED", False)


def test_one_seed_and_missing_runs_are_not_testable() -> None:
    assert judged(LOWER, shifted(-0.1), seeds=1).word == "NOT TESTABLE"
    asked = simulated.study(claims=[LOWER, LOWER | {"id": "b", "where": {"depth": 1}}])
    runs = simulated.runs_of(asked, shifted(-0.1))
    lost = runs[(runs["depth"] == "10") & (runs["seed"] == 3)].index[0]
    found = verdicts(simulated.data(asked, shifted(-0.1), runs=runs.drop(index=lost)))
    assert [one.word for one in found] == ["NOT TESTABLE", "SUPPORTED"]
    assert found[0].evidence.reason == "of 120 runs, 1 missing or without this response"


def test_seeds_that_do_not_differ_give_a_verdict_without_a_warning() -> None:
    constant = judged(LOWER, lambda cell, _: 1 - 0.1 * (cell["norm"] == "batch"))
    assert constant.word == "SUPPORTED"
    assert judged(BELOW | {"below": 1.0}, lambda *_: 1.0).word == "INCONCLUSIVE"


def test_p_of_a_claim_is_that_of_its_worst_cell_and_against_it_corrected_for_cells() -> None:
    claim = LOWER | {"over": "every", "where": {"init": "naive", "output_scale": 1.0}}
    data = simulated.data(simulated.study(claims=[claim, SAME]), shifted(-0.02, sd=0.02))
    found = verdicts(data)[0]
    u = found.evidence.values
    each = [stats.ttest_1samp(column, -0.01, alternative="less").pvalue for column in u.T]
    assert found.p_for == pytest.approx(max(each))
    assert found.p_against == pytest.approx(min(1.0, 3 * (1 - max(each))))
    assert found.p_adjusted == pytest.approx(min(1, 2 * 2 * min(found.p_for, found.p_against)))
    assert found.alpha == ALPHA / 2


def test_no_interval_contradicts_its_verdict() -> None:
    """Whatever the truth: a bound left out means shown to hold or to fail, and the other way."""
    generator = np.random.default_rng(7)
    words = set()
    for _ in range(12):
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
            said = found.evidence.statement
            inside = found.low < said.sign * said.bound < found.high
            assert inside == (found.word == "INCONCLUSIVE")
            assert found.low <= found.estimate <= found.high
            assert (found.p_adjusted <= ALPHA) == (not inside)
            words.add(found.word)
    assert words >= {"SUPPORTED", "OPPOSITE", "NEGLIGIBLE", "INCONCLUSIVE"}


SMALL = {"norm": ["none", "batch"], "depth": [1, 10]}
BASELINE = {"norm": "batch", "depth": 10}


@pytest.mark.parametrize("k", [1, 2, 12])
@pytest.mark.parametrize("method", [T_TEST, ANY_TIME])
def test_wrong_verdicts_on_the_boundary_are_as_rare_as_promised(k: int, method: Any) -> None:
    """At u = bound in every cell a claim is false, and what is just below it is true."""
    generator = np.random.default_rng(k)
    supported = denied = 0
    for _ in range(1500):
        d = generator.standard_normal((6, k))
        word = decide(d, below(0.0), method.shows, ALPHA / 2)
        supported += word == "SUPPORTED"
        denied += word in ("FAILS", "NOT EVERYWHERE")
    margin = 3 * (0.025 * 0.975 / 1500) ** 0.5
    assert supported / 1500 <= ALPHA / 2 + margin
    assert denied / 1500 <= ALPHA / 2 + margin


@pytest.mark.parametrize("said", [below(0.0), lower(0.5), within(0.5)])
def test_the_interval_of_the_worst_cell_covers_it(said: Any) -> None:
    generator = np.random.default_rng(1)
    means = np.array([0.0, 0.1, -0.3, 0.3])
    truth = 0.3
    found = [worst_interval(means + generator.standard_normal((5, 4)), said, T_TEST, 0.025)
             for _ in range(1000)]  # fmt: skip
    covered = np.mean([low <= truth <= high for low, high in found])
    assert covered >= 0.95 - 3 * (0.05 * 0.95 / 1000) ** 0.5


def test_intervals_of_all_claims_hold_together() -> None:
    """Nine claims with spaced effects, nearly all decided: Holm's intervals covered 0.90."""
    generator = np.random.default_rng(3)
    effects = np.linspace(0.5, 4, 9)
    together = 0
    for _ in range(1000):
        d = effects + generator.standard_normal((5, 9))
        found = [worst_interval(column[:, None], below(0.0), T_TEST, ALPHA / 18) for column in d.T]
        together += all(low <= e <= high for (low, high), e in zip(found, effects, strict=True))
    assert together / 1000 >= 0.95 - 3 * (0.05 * 0.95 / 1000) ** 0.5


def test_looks_split_the_level_and_the_first_that_settles_a_claim_counts() -> None:
    noise = simulated.noise(8, 0.002)

    def truth(cell: Levels, seed: int) -> float:
        gain = 0.1 if cell["depth"] == 1 else 0.01  # the second is exactly on its bound
        return 2 - gain * (cell["norm"] == "batch") + noise(cell, seed)

    clear, open_one = (LOWER | {"id": str(d), "where": {"depth": d}} for d in (1, 5))
    asked = simulated.study(claims=[clear, open_one], seeds={"looks": [4, 8, 12]})
    data = simulated.data(asked, truth)
    assert [v.alpha for v in verdicts(data)] == [ALPHA / 6] * 2
    assert [len(v.evidence.seeds) for v in verdicts(data)] == [4, 12]
    assert [[v.word for v in at_looks] for at_looks in verdicts_by_look(data)] == [
        ["SUPPORTED"] * 3, ["INCONCLUSIVE"] * 3,
    ]  # fmt: skip
    assert list(looks_table(data.study, verdicts_by_look(data))["n"]) == [4, 8, 12] * 2
    shorter = simulated.data(asked.override(seeds=tuple(range(1, 9))), truth)
    assert [len(v.evidence.seeds) for v in verdicts(shorter)] == [4, 8]
    assert [v.alpha for v in verdicts(shorter)] == [ALPHA / 6] * 2
    none = simulated.data(asked.override(seeds=(1, 2, 3)), truth)
    assert {v.evidence.reason for v in verdicts(none)} == {"no look is reached"}
    unlooked = simulated.data(simulated.study(claims=[clear]), truth)
    assert looks_table(unlooked.study, verdicts_by_look(unlooked)).empty


def test_runs_that_a_later_look_did_not_need_leave_the_verdict_of_the_first() -> None:
    asked = simulated.study(claims=[LOWER | {"where": {"depth": 1}}], seeds={"looks": [4, 8]})
    runs = simulated.runs_of(asked, shifted(-0.1))
    runs = runs[(runs["seed"] <= 4) | (runs["depth"] != "1")]
    found = verdicts(simulated.data(asked, shifted(-0.1), runs=runs))[0]
    assert (found.word, len(found.evidence.seeds)) == ("SUPPORTED", 4)


def test_looking_at_any_time_takes_stronger_evidence_and_no_stamp() -> None:
    any_time = simulated.study(claims=[LOWER], seeds={"count": 8, "looks": "any"})
    once = simulated.study(claims=[LOWER], seeds=8)
    weak = shifted(-0.02, sd=0.02)
    words = [verdicts(simulated.data(asked, weak))[0] for asked in (once, any_time)]
    assert words[1].high > words[0].high
    cells = claim_cells_table(simulated.data(any_time, weak), [words[1]])
    assert cells["p_for"][0] == ANY_TIME.p(words[1].evidence.values[:, 0] + 0.01)
    clear = simulated.data(any_time, shifted(-0.2), facts=simulated.FACTS | {"first_seeds": "1-3"})
    assert verdicts(clear)[0].word == "SUPPORTED"
    assert stamps(clear) == []


def test_stability_names_the_seed_that_a_verdict_hangs_on() -> None:
    def truth(cell: Levels, seed: int) -> float:
        return 2 - (0.1 + 0.001 * seed) * (cell["norm"] == "batch") * (-1 if seed == 3 else 1)

    steady = simulated.data(simulated.study(claims=[LOWER], seeds=8), shifted(-0.1))
    row = stability_table(steady, verdicts(steady)).iloc[0]
    assert (row["without_one"], row["seeds_without"]) == ("SUPPORTED", "")
    assert (row["sign_flip"], row["p_flip"]) == ("SUPPORTED", 2.0**-8)
    hanging = simulated.data(simulated.study(claims=[LOWER], seeds=5), truth)
    row = stability_table(hanging, verdicts(hanging)).iloc[0]
    assert (row["verdict"], row["without_one"], row["seeds_without"]) == (
        "INCONCLUSIVE", "SUPPORTED", "3",
    )  # fmt: skip
    assert row["sign_flip"] == "too few seeds"  # five cannot decide: 2 · 2^-5 > 0.05
    fewest = simulated.data(simulated.study(claims=[LOWER], seeds=3), shifted(-0.1, sd=1e-4))
    assert verdicts(fewest)[0].without_one == dict.fromkeys((1, 2, 3), "SUPPORTED")


def facts(data: StudyData, **more: str) -> StudyData:
    return simulated.data(data.study, shifted(0), facts=simulated.FACTS | more)


def test_changed_claims_and_late_seeds_are_stamped() -> None:
    data = simulated.data(simulated.study(claims=[LOWER]), shifted(0))
    assert stamps(data) == []
    assert stamps(facts(data, claims_digest="other")) == [
        "claims or looks were changed after the first run"
    ]
    assert stamps(facts(data, first_seeds="1-3")) == ["seeds were added after a look: 4-5"]
    assert stamps(facts(data, first_seeds="1-5")) == []
    stamped = claims_table(facts(data, claims_digest="x"), verdicts(data))["stamps"][0]
    assert stamped == "claims or looks were changed after the first run"


def test_ranks_stand_beside_claims_on_losses() -> None:
    data = simulated.data(simulated.study(claims=[LOWER, BELOW]), shifted(-0.1))
    table = claims_table(data, verdicts(data))
    assert table["rank_estimate"][0] == -12.0
    assert np.isnan(table["rank_estimate"][1])
