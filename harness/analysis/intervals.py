"""Means over seeds and their t intervals: the arithmetic under every number that is reported.

It has the same bits on every machine. Sums are rounded once (`math.fsum`), so no order matters; the
rest is what IEEE 754 defines: + − × / and sqrt. Matrix products, NumPy's logarithms and powers, and
those of the C library differ from one processor to another, and have no place in the analysis.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import fsum, sqrt

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.analysis.distributions import t_quantile

LEVEL = 0.95
FEWEST_SEEDS_FOR_FLIPS = 6  # below it the smallest two-sided p possible exceeds 0.05
MOST_SEEDS_FOR_FLIPS = 30  # above it all sign flips are too many, and their p is NaN
ROUNDING = 1e-12  # relative; what sums of the same numbers may differ by

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """The mean over seeds of a seed-wise contrast, and how well it is known.

    Attributes:
        estimate: mean over the seeds, in the response's unit.
        se: its standard error, sd / √n; NaN with one seed.
        low, high: ends of the t interval with n − 1 degrees of freedom; NaN with one seed.
        n: how many seeds.
        p_flip: exact two-sided sign-flip p; NaN with fewer than 6 seeds or more than 30.
    """

    estimate: float
    se: float
    low: float
    high: float
    n: int
    p_flip: float


NAN = float("nan")
NO_ESTIMATE = Estimate(NAN, NAN, NAN, NAN, 0, NAN)


def estimate(values: Array, level: float = LEVEL) -> Estimate:
    """Mean, standard error, t interval and sign-flip p of one number a seed.

    Args:
        values: the seed-wise contrasts (n,), all finite.
        level: of the interval.
    """
    n = len(values)
    if n == 0:
        return NO_ESTIMATE
    centre, se = mean(values), spread(values) / sqrt(n)
    half = t_quantile((1 + level) / 2, n - 1) * se
    return Estimate(centre, se, centre - half, centre + half, n, sign_flip_p(values))


def mean(values: Array | Sequence[float]) -> float:
    """The mean of some numbers, at least one."""
    return fsum(values) / len(values)


def spread(values: Array | Sequence[float]) -> float:
    """Standard deviation over seeds (n − 1); exactly 0 where they differ by rounding only."""
    if len(values) < 2:
        return NAN
    centre = mean(values)
    sd = sqrt(fsum((value - centre) * (value - centre) for value in values) / (len(values) - 1))
    return sd if sd > ROUNDING * float(max(map(abs, values))) else 0.0


def sign_flip(values: Array) -> float:
    """p of the exact sign-flip test that the mean is below 0; NaN with more than 30 seeds."""
    n = len(values)
    if n > MOST_SEEDS_FOR_FLIPS:
        return NAN
    one, other = (np.sort(_flipped(half)) for half in (values[: n // 2], values[n // 2 :]))
    most = fsum(values) + ROUNDING * fsum(map(abs, values))  # equal sums may differ by rounding
    return int(np.searchsorted(other, most - one, side="right").sum()) * 0.5**n


def _flipped(values: Array) -> Array:
    """The sum of the values with each combination of signs (2^n,)."""
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate([sums + value, sums - value])
    return sums


def sign_flip_p(values: Array) -> float:
    """Two-sided p of the exact sign-flip test; NaN with fewer than 6 seeds or more than 30."""
    if len(values) < FEWEST_SEEDS_FOR_FLIPS:
        return NAN
    return float(np.minimum(1.0, 2 * np.minimum(sign_flip(values), sign_flip(-values))))


def mean_intervals(table: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Mean of `value` within each group, its 95 % t interval and the number of values.

    Returns:
        The keys, mean, low, high (NaN for a group of one), n.
    """
    groups = table.groupby(keys, sort=True)
    result = groups.size().rename("n").reset_index()
    order = np.argsort(groups.ngroup().to_numpy(), kind="stable")
    values = table["value"].to_numpy()[order].tolist()
    rows = []
    for start, end in pairwise([0, *np.cumsum(result["n"]).tolist()]):
        group, n = values[start:end], end - start
        centre, half = mean(group), t_quantile((1 + LEVEL) / 2, n - 1) * spread(group) / sqrt(n)
        rows.append((centre, centre - half, centre + half))
    numbers = np.array(rows, np.float64).reshape(-1, 3)
    for place, name in enumerate(("mean", "low", "high")):
        result.insert(len(keys) + place, name, numbers[:, place])
    return result
