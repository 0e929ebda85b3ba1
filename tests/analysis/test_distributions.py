"""Beta and t against scipy, closed forms and each other; to the last bit against this file."""

import numpy as np
import pytest
from scipy import special, stats

from harness.analysis.distributions import beta_odds, beta_tails, t_cdf, t_quantile

TAILS = (1e-10, 1e-7, 1e-4, 0.005, 0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.45)
LEVELS = (*TAILS, 0.5, *(1 - tail for tail in TAILS), 0.9999)
DF = (*range(1, 61), 99, 9_999, 1.5, 7.25, 33.3)
BITS = [
    "0x1.218e5dac50b22p+1",
    "0x1.4c9f71ff26118p+5",
    "0x1.c55997c9fb72ap-6",
    "0x1.24e9fa254cd8ap-4",
]
SHAPES = [(0.5, 0.5), (1, 10), (3, 8), (5, 116), (50, 70), (500, 500), (1, 10_000), (2_000, 3)]


@pytest.mark.parametrize("df", DF)
def test_t_equals_scipys(df: float) -> None:
    for p in LEVELS:
        assert t_quantile(p, df) == pytest.approx(stats.t.ppf(p, df), rel=1e-12, abs=1e-300)
        assert t_cdf(t_quantile(p, df), df) == pytest.approx(p, rel=1e-12)
    for t in (-40.0, -6.5, -2.0, -0.3, -1e-3, 0.0, 1e-3, 0.7, 3.0, 8.0):
        assert t_cdf(t, df) == pytest.approx(stats.t.cdf(t, df), rel=1e-12)


@pytest.mark.parametrize("p", [1e-10, 0.025, 0.4999, 0.499999, 0.7, 0.9999])
def test_quantiles_of_one_and_two_degrees_of_freedom_have_closed_forms(p: float) -> None:
    """Also near the middle, where scipy's lose digits."""
    sign = -1 if p < 0.5 else 1
    cauchy = abs(np.tan(np.pi * (p - 0.5))) if 0.1 < p < 0.9 else 1 / np.tan(np.pi * min(p, 1 - p))
    assert t_quantile(p, 1) == pytest.approx(sign * cauchy, rel=1e-12)
    assert t_quantile(p, 2) == pytest.approx((p - (1 - p)) / np.sqrt(2 * p * (1 - p)), rel=1e-12)


def test_t_at_its_ends_and_without_a_degree_of_freedom() -> None:
    assert (t_quantile(0, 3), t_quantile(0.5, 3), t_quantile(1, 3)) == (-np.inf, 0, np.inf)
    assert np.isnan(t_quantile(0.975, 0))
    assert (t_cdf(-1e200, 3), t_cdf(1e200, 3)) == (0, 1)


@pytest.mark.parametrize(("a", "b"), SHAPES)
def test_beta_equals_scipys_in_both_tails(a: float, b: float) -> None:
    for p in (1e-10, 0.0005, 0.025, 0.3, 0.5, 0.8, 0.975):
        for upper in (False, True):
            odds = beta_odds(p, a, b, upper=upper)
            x = odds / (1 + odds)
            known = special.betainccinv(a, b, p) if upper else special.betaincinv(a, b, p)
            assert x == pytest.approx(known, rel=1e-12)
            assert beta_tails(odds, a, b)[upper] == pytest.approx(p, rel=1e-12)


def test_beta_of_whole_numbers_is_a_binomial_tail() -> None:
    """P(X ≤ x) of Beta(k, n − k + 1) is the chance of k or more hits in n at x each."""
    for k, n, x in ((1, 10, 0.05), (7, 10, 0.9), (12, 120, 0.2)):
        lower, upper = beta_tails(x / (1 - x), k, n - k + 1)
        assert lower == pytest.approx(stats.binom.sf(k - 1, n, x), rel=1e-12)
        assert upper == pytest.approx(stats.binom.cdf(k - 1, n, x), rel=1e-12)


def test_the_bits_are_those_of_every_machine() -> None:
    found = [t_quantile(0.975, 9), t_quantile(1 - 1e-6, 4), t_cdf(-2.2, 9), beta_odds(0.025, 3, 8)]
    assert [number.hex() for number in found] == BITS
