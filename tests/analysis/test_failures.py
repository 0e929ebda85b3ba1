"""Failed runs are found, bounded, and held against verdicts that hang on them."""

from math import inf, log
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from harness.analysis.claims_table import claims_table, stability_table
from harness.analysis.failures import Failures, failures, failures_table, upper_limit
from harness.analysis.grid import grid
from harness.analysis.verdicts import Verdict, verdicts
from harness.study.levels import Levels
from tests.support import simulated

LOWER: dict[str, Any] = {
    "id": "lower", "says": "s", "kind": "difference", "factor": "norm", "level": "batch",
    "versus": "none", "direction": "lower", "where": {"depth": 1, "init": "naive"},
}  # fmt: skip


def truth(gain: float, jump: float = 0.0, failing: int = 0, sd: float = 0.002) -> simulated.Truth:
    """2 nats, less by `gain` with BatchNorm; there the first seeds end higher by `jump`."""
    noise = simulated.noise(3, sd)

    def value(cell: Levels, seed: int) -> float:
        batch = cell["norm"] == "batch"
        return 2 - gain * batch + jump * (batch and seed <= failing) + noise(cell, seed)

    return value


def judged(of: simulated.Truth, seeds: int = 10, **claim: Any) -> Verdict:
    asked = simulated.study(claims=[LOWER | claim], seeds=seeds)
    return verdicts(simulated.data(asked, of))[0]


@pytest.mark.parametrize(("failed", "n"), [(0, 5), (1, 5), (3, 10), (0, 20), (9, 10)])
def test_the_upper_limit_is_clopper_and_pearsons(failed: int, n: int) -> None:
    expected = stats.binomtest(failed, n, alternative="less").proportion_ci(0.95).high
    assert upper_limit(failed, n) == pytest.approx(expected, rel=1e-9)
    assert upper_limit(n, n) == 1
    assert upper_limit(0, 5) == pytest.approx(0.4507, abs=1e-4)  # what five good seeds exclude


@pytest.mark.parametrize("failing", [0, 1, 3])
def test_runs_far_from_their_median_have_failed(failing: int) -> None:
    asked = simulated.study(seeds=10)
    data = simulated.data(asked, truth(0.1, jump=0.3, failing=failing))
    table = failures_table(data, "final/dev_loss").set_index("variant")
    batch = [variant for variant in table.index if variant.startswith("batch")]
    assert set(table.loc[batch, "failed"]) == {failing}
    assert set(table["failed"].drop(batch)) == {0}
    assert table.loc[batch[0], "limit"] == pytest.approx(upper_limit(failing, 10))
    assert set(table["n"]) == {10}


@pytest.mark.parametrize(("away", "failed"), [(1e-16, 0), (0.004, 0), (0.3, 1)])
def test_where_most_runs_are_equal_a_failed_one_lies_beyond_the_margin(
    away: float, failed: int
) -> None:
    data = simulated.data(simulated.study(), lambda _, seed: 2.0 + away * (seed == 2))
    assert set(failures_table(data, "final/dev_loss")["failed"]) == {failed}


def test_noise_alone_is_no_failure() -> None:
    asked = simulated.study(seeds=10)
    generator = np.random.default_rng(0)
    for _ in range(5):
        of = simulated.noise(int(generator.integers(1000)), 0.01)
        assert failures_table(simulated.data(asked, of), "final/dev_loss")["failed"].sum() == 0


def test_a_variant_of_little_spread_is_measured_by_that_of_the_median_variant() -> None:
    noise = simulated.noise(3, 0.01)

    def of(cell: Levels, seed: int) -> float:
        still = cell["norm"] == "batch" and cell["depth"] == 1
        return 2 + (0.05 * (seed == 1) if still else noise(cell, seed))

    found = failures_table(simulated.data(simulated.study(seeds=10), of), "final/dev_loss")
    assert found["failed"].sum() == 0


def test_diverged_runs_have_failed_and_nothing_fails_at_initialisation() -> None:
    asked = simulated.study(seeds=4)
    runs = simulated.runs_of(asked, truth(0.1))
    runs["init/loss"] = runs["final/dev_loss"]
    runs.loc[runs.index[1], "outcome"] = "diverged"
    data = simulated.data(asked, truth(0.1), runs=runs)
    table = failures_table(data, "final/dev_loss")
    assert (table["failed"].sum(), table["diverged"].sum()) == (1, 1)
    assert failures_table(data, "init/loss")["failed"].sum() == 0
    assert not failures(data, grid(data, "init/loss")).possible


def test_the_tipping_share_by_hand() -> None:
    """Failed runs count as ln 27: with BatchNorm they end 1.396 higher, and 1 − 0.1 + 0.01 off."""
    found = judged(truth(0.1, sd=0.0))
    cap, slack = log(27), 0.1 - 0.01
    assert found.tipping == pytest.approx((slack / (cap - 1.9), upper_limit(0, 10)))
    assert found.word == "SUPPORTED"
    assert found.if_no_run_fails
    assert condition(truth(0.1)) == "if no run fails"


def condition(of: simulated.Truth) -> str:
    data = simulated.data(simulated.study(claims=[LOWER], seeds=10), of)
    return str(claims_table(data, verdicts(data))["condition"][0])


def test_of_two_bounds_the_one_counts_that_the_seeds_leave_open() -> None:
    """The lower bound is nearer, but runs of "b", which lead there, have all failed already."""
    values = pd.DataFrame(2.0, index=["a", "b"], columns=range(5))
    failed = pd.DataFrame({seed: {"a": False, "b": True} for seed in range(5)})
    found = Failures(True, failed, values, worst=(3.0,))
    share, left_open = found.tipping({"a": 1.0, "b": -1.0}, 0.0, (-0.15, 0.2))
    assert (share, left_open) == (0.2, upper_limit(0, 5))


def test_a_verdict_that_no_likely_share_of_failures_overturns_stands() -> None:
    found = judged(truth(0.9))
    assert found.word == "SUPPORTED"
    assert not found.if_no_run_fails
    assert condition(truth(0.9)) == ""
    assert judged(truth(0.3), seeds=10).if_no_run_fails
    assert not judged(truth(0.3), seeds=40).if_no_run_fails  # more seeds exclude more


def test_failures_on_the_other_side_count_where_the_claim_is_denied() -> None:
    """OPPOSITE would be overturned by failing runs of the level that it is compared with."""
    found = judged(truth(-0.1))
    assert found.word == "OPPOSITE"
    assert found.tipping[0] == pytest.approx((0.1 - 0.01) / (log(27) - 2.0), rel=0.05)


def test_failures_that_were_seen_leave_fewer_unseen() -> None:
    found = judged(truth(0.9, jump=0.3, failing=2), seeds=20)
    assert found.tipping[1] == pytest.approx(upper_limit(2, 20) - 0.1)


def test_what_is_measured_at_initialisation_cannot_fail() -> None:
    claim = {"id": "a", "says": "s", "kind": "threshold", "response": "init/loss", "below": 3.0}
    asked = simulated.study(claims=[claim], seeds=5)
    data = simulated.data(asked, truth(0.1), "init/loss")
    found = verdicts(data)[0]
    assert (found.word, found.tipping[0], found.if_no_run_fails) == ("SUPPORTED", inf, False)
    assert stability_table(data, [found])["failures"][0] == ""


def test_a_share_fails_to_nought_or_one_and_other_numbers_without_a_bound() -> None:
    asked = simulated.study(seeds=5)
    data = simulated.data(asked, truth(0.1), "final/saturation_worst")
    assert failures(data, grid(data, "final/saturation_worst")).worst == (0.0, 1.0)
    ratio = simulated.data(asked, truth(0.1), "last/update_data")
    assert failures(ratio, grid(ratio, "last/update_data")).worst == (-inf, inf)


def test_not_everywhere_hangs_on_its_firmest_cell() -> None:
    noise = simulated.noise(2, 0.002)

    def of(cell: Levels, seed: int) -> float:
        gain = {1: -0.9, 5: -0.02, 10: 0.1}[int(str(cell["depth"]))]
        return 2.2 - gain * (cell["norm"] == "batch") + noise(cell, seed)

    claim = LOWER | {"over": "every", "where": {"init": "naive"}}
    found = verdicts(simulated.data(simulated.study(claims=[claim], seeds=10), of))[0]
    assert found.word == "NOT EVERYWHERE"
    assert len(found.failing) == 4
    assert len(found.holding) == 2
    assert found.tipping[0] == pytest.approx(0.91 / (log(27) - 2.2), rel=0.02)
