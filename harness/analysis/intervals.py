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
    centre, sd = mean(values), spread(values)
    se = sd / sqrt(n)
    half = t_quantile((1 + level) / 2, n - 1) * se
    size = centre / sd if sd > 0 else NAN
    return Estimate(centre, se, centre - half, centre + half, n, size, sign_flip_p(values))


def mean(values: Array | Sequence[float]) -> float:
    """The mean of some numbers, at least one."""
    return fsum(values) / len(values)


def spread(values: Array | Sequence[float]) -> float:
    """Standard deviation over seeds (n − 1); exactly 0 where they differ by rounding only."""
    if len(values) < 2:
        return NAN
    centre = mean(values)
    sd = sqrt(fsum((value - centre) * (value - centre) for value in values) / (len(values) - 1))
    return sd if sd > 1e-12 * float(max(map(abs, values))) else 0.0


def sign_flip_p(values: Array) -> float:
    """Exact two-sided p: the share of all sign flips whose mean is at least as far from 0."""
    n = len(values)
    if not FEWEST_SEEDS_FOR_SIGN_FLIP <= n <= MOST_SEEDS_FOR_EXACT:
        return NAN
    sums = np.zeros(1)
    for value in values:  # 2^n sums in the end; the first is that of the values as they are
        sums = np.concatenate([sums + value, sums - value])
    return float(np.mean(np.abs(sums) >= abs(sums[0]) * (1 - 1e-9)))


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
