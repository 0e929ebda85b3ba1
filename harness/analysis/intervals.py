"""Means over seeds and their t intervals: the arithmetic under every number that is reported."""

from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import stdtrit

LEVEL = 0.95
FEWEST_SEEDS_FOR_SIGN_FLIP = 6  # below it the smallest two-sided p possible exceeds 0.05
MOST_SEEDS_FOR_EXACT = 16  # above it all sign flips are too many; they are then left out

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """The mean over seeds of a seed-wise contrast, and how well it is known.

    Attributes:
        estimate: mean over the seeds, in the response's unit.
        se: its standard error, sd / √n; NaN with one seed.
        low, high: ends of the t interval with n − 1 degrees of freedom; NaN with one seed.
        n: how many seeds.
        effect_size: mean / sd over seeds (Cohen's d for paired data); NaN where sd is 0 or n is 1.
        p_flip: exact two-sided sign-flip p; NaN with fewer than 6 seeds or more than 16.
    """

    estimate: float
    se: float
    low: float
    high: float
    n: int
    effect_size: float
    p_flip: float


NAN = float("nan")
NO_ESTIMATE = Estimate(NAN, NAN, NAN, NAN, 0, NAN, NAN)


def estimate(values: Array, level: float = LEVEL) -> Estimate:
    """Mean, standard error, t interval, effect size and sign-flip p of one number a seed.

    Args:
        values: the seed-wise contrasts (n,), all finite.
        level: of the interval.
    """
    n = len(values)
    if n == 0:
        return NO_ESTIMATE
    mean = float(np.mean(values))
    sd = spread(values)
    se = sd / n**0.5
    half = t_quantile((1 + level) / 2, n - 1) * se
    size = mean / sd if sd > 0 else NAN
    return Estimate(mean, se, mean - half, mean + half, n, size, sign_flip_p(values))


def spread(values: Array) -> float:
    """Standard deviation over seeds (n − 1); exactly 0 where they differ by rounding only."""
    if len(values) < 2:
        return NAN
    sd = float(np.std(values, ddof=1))
    return sd if sd > 1e-12 * float(np.max(np.abs(values))) else 0.0


def t_quantile(probability: float, df: int) -> float:
    """Quantile of Student's t; NaN without a degree of freedom."""
    return float(stdtrit(df, probability)) if df > 0 else NAN


def sign_flip_p(values: Array) -> float:
    """Exact two-sided p: the share of all sign flips whose mean is at least as far from 0."""
    n = len(values)
    if not FEWEST_SEEDS_FOR_SIGN_FLIP <= n <= MOST_SEEDS_FOR_EXACT:
        return NAN
    signs = np.array(list(product((1.0, -1.0), repeat=n)))
    sums = np.abs(signs @ values)
    return float(np.mean(sums >= abs(float(np.sum(values))) * (1 - 1e-9)))


def mean_intervals(table: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Mean of `value` within each group, its 95 % t interval and the number of values.

    Returns:
        The keys, mean, low, high (NaN for a group of one), n.
    """
    groups = table.groupby(keys, sort=True)["value"]
    result = groups.agg(mean="mean", sd="std", n="count").reset_index()
    factor = {n: t_quantile((1 + LEVEL) / 2, n - 1) for n in result["n"].unique()}
    half = result.pop("sd") / np.sqrt(result["n"]) * result["n"].map(factor).astype("float64")
    result.insert(len(keys) + 1, "low", result["mean"] - half)
    result.insert(len(keys) + 2, "high", result["mean"] + half)
    return result
