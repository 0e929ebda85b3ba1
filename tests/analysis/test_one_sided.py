"""Tests and intervals of seed-wise numbers against scipy, brute force and simulation."""

from itertools import product
from math import inf

import numpy as np
import pytest
from scipy import stats

from harness.analysis.intervals import Array, sign_flip
from harness.analysis.one_sided import (
    ANY_TIME,
    T_TEST,
    Method,
    any_time,
    any_time_critical,
    p_inside,
    shown_inside,
    t_test,
)
from harness.analysis.statements import Region


def normal(seed: int, n: int, mean: float = 0.0) -> Array:
    return np.random.default_rng(seed).standard_normal(n) + mean


@pytest.mark.parametrize("n", [2, 3, 5, 10, 30])
def test_the_t_test_is_scipys(n: int) -> None:
    values = normal(n, n, -0.4)
    expected = stats.ttest_1samp(values, 0, alternative="less").pvalue
    assert t_test(values) == pytest.approx(expected, rel=1e-10)
    assert t_test(np.full(n, -0.1)) == 0
    assert t_test(np.zeros(n)) == 1


@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_the_sign_flip_test_counts_all_flips(n: int) -> None:
    for seed in range(20):
        values = normal(seed, n, -0.5)
        sums = [sum(s * v for s, v in zip(signs, values, strict=True))
                for signs in product((1, -1), repeat=n)]  # fmt: skip
        assert sign_flip(values) == np.mean([one <= sum(values) + 1e-12 for one in sums])
    assert sign_flip(np.full(n, -1.0)) == 2.0**-n
    assert sign_flip(np.zeros(n)) == 1


def test_sign_flips_of_twenty_seeds_are_quick_and_of_too_many_are_none() -> None:
    assert sign_flip(np.full(30, -1.0)) == 2.0**-30
    assert np.isnan(sign_flip(np.full(31, -1.0)))


@pytest.mark.parametrize(("n", "tail"), [(5, 0.025), (10, 0.0028), (40, 0.01), (200, 0.0003)])
def test_the_any_time_test_is_its_formula(n: int, tail: float) -> None:
    values = normal(n, n, -0.6)
    s, g = ((values - values.mean()) ** 2).sum(), 1
    e = (1 + n * g) ** -0.5 * (
        (s + n * values.mean() ** 2) / (s + n * values.mean() ** 2 / (1 + n * g))
    ) ** (n / 2)
    assert any_time(values) == pytest.approx(min(1, 1 / (2 * e)), rel=1e-9)
    assert any_time(-values) == 1
    critical = any_time_critical(n, tail)
    if critical < inf:
        noise = values - values.mean()
        edge = noise - critical * noise.std(ddof=1) / n**0.5
        assert any_time(edge) == pytest.approx(tail, rel=1e-6)


def test_few_seeds_can_never_decide_at_any_time() -> None:
    assert any_time_critical(2, 0.0028) == inf
    assert any_time(np.array([-1.0, -1.0001])) > 0.0028


def test_looking_sixty_times_stays_below_the_level() -> None:
    """Null sequences, a look after each seed from the third on: how many ever show a difference."""
    generator, tail = np.random.default_rng(5), 0.025
    values = generator.standard_normal((4000, 62)).cumsum(axis=1)
    squares = np.square(np.diff(values, axis=1, prepend=0)).cumsum(axis=1)
    crossed = np.zeros(len(values), bool)
    by_t = np.zeros(len(values), bool)
    for n in range(3, 63):
        mean = values[:, n - 1] / n
        error = np.sqrt((squares[:, n - 1] - n * mean**2) / (n - 1) / n)
        crossed |= np.abs(mean) > any_time_critical(n, tail) * error
        by_t |= np.abs(mean) > stats.t.ppf(1 - tail, n - 1) * error
    assert crossed.mean() <= 0.05
    assert by_t.mean() > 0.2  # what looking so often does to a t test


@pytest.mark.parametrize("method", [T_TEST, ANY_TIME])
@pytest.mark.parametrize(
    "regions", [((-inf, 0.3),), ((-0.5, 0.4),), ((-inf, -0.2), (0.2, inf)), ()]
)
def test_what_is_shown_is_what_has_a_small_p(method: Method, regions: tuple[Region, ...]) -> None:
    shown = 0
    for seed in range(60):
        values = normal(seed, 8, (seed % 7 - 3) / 2) / 2
        small = p_inside(values, regions, method.p) <= 0.02
        assert shown_inside(values, regions, method.shows, 0.02) == small
        shown += small
    assert bool(shown) == bool(regions)


def test_seeds_on_a_bound_are_not_beyond_it_whatever_was_rounded() -> None:
    values = np.array([0.1 + 0.2, 0.3, 0.3 - 1e-17, 0.30000000000000004])
    assert p_inside(values, ((-inf, 0.3),), t_test) == 1
    assert not shown_inside(values, ((-inf, 0.3),), T_TEST.shows, 0.5)
    assert not shown_inside(values, ((0.3, inf),), T_TEST.shows, 0.5)
