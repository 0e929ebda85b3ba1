"""The promised error rate, over simulated studies whose nine claims are all on their bounds."""

import numpy as np
import pytest

from tests.simulation import BOUNDS, SCENARIOS, core, count, known, tuned

FAMILIES = 150
FEW = 40  # of those in which nearly every study has a wrong verdict to be looked at
ERROR = 3 * (0.05 * 0.95 / FAMILIES) ** 0.5  # Monte Carlo


def test_the_truth_puts_every_claim_on_its_bound() -> None:
    for one in known(core()):
        assert np.max(one.truth) == pytest.approx(one.said.bound)
        assert one.is_wrong("SUPPORTED")
    assert {one.claim.response for one in known(core())} == set(BOUNDS)


@pytest.mark.parametrize("n", [3, 5, 10, 20])
@pytest.mark.parametrize("name", ["normal", "blocked", "unequal", "near-constant", "t3"])
def test_verdicts_are_wrong_as_rarely_as_promised(name: str, n: int) -> None:
    found = count(core(seeds=n), SCENARIOS[name], FAMILIES)
    assert found.wrong / FAMILIES <= 0.05 + ERROR
    assert found.covered / FAMILIES >= 0.95 - ERROR


def test_looking_three_times_costs_nothing() -> None:
    found = count(core(seeds={"looks": [5, 10, 20]}), SCENARIOS["normal"], FAMILIES)
    assert found.wrong / FAMILIES <= 0.05 + ERROR
    assert found.covered / FAMILIES >= 0.95 - ERROR


@pytest.mark.parametrize("name", [name for name in SCENARIOS if name.startswith("failing")])
@pytest.mark.parametrize("n", [5, 10])
def test_a_verdict_that_failing_runs_make_wrong_says_that_it_hangs_on_them(
    name: str, n: int
) -> None:
    """Without failures in sight nearly every study is wrong somewhere; the warning is there."""
    found = count(core(seeds=n), SCENARIOS[name], FEW)
    assert found.unwarned == 0
    if "1.1" in name:
        assert found.wrong / FEW > 0.05  # or the test would show nothing


@pytest.mark.parametrize("means", [(0.0, 0.0, 0.0), (0.0, 0.2, 0.5), (0.0, 5.0, 10.0)])
def test_variants_at_their_best_are_judged_without_bias_and_as_rarely_wrong(
    means: tuple[float, ...],
) -> None:
    draws = 400
    found = tuned(means, 8, draws)
    assert abs(found.bias) < 4 / (8 * draws) ** 0.5
    assert found.covered[1] >= 0.95 - 3 * (0.05 * 0.95 / draws) ** 0.5
    assert found.wrong[1] <= 0.05 + 3 * (0.05 * 0.95 / draws) ** 0.5
    if means == (0.0, 0.0, 0.0):
        assert found.covered[0] < 0.9  # or the jackknife would not be needed
