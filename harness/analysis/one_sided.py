"""How seed-wise numbers speak for their mean lying in a region: one-sided tests and intervals.

Three one-sided tests of "the mean over seeds is below 0", each a function of the n values:

* `t_test`: Student's, on n − 1 degrees of freedom; what verdicts rest on.
* `sign_flip`: the share of all 2^n ways to flip the values' signs with a sum as low. Exact for
  values that are symmetric about their mean, of whatever shape.
* `any_time`: from the e-process of the t statistic (Lai 1976; Wang & Ramdas 2025), which holds at
  however many looks. Its p is 1 / (2 E); under the null E ever exceeds 1 / p with chance p at most.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from math import inf, isinf, sqrt

import numpy as np

from harness.analysis.distributions import DIGITS, t_cdf, t_quantile
from harness.analysis.intervals import ROUNDING, Array, mean, sign_flip, spread
from harness.analysis.statements import Region

OneSided = Callable[[Array], float]
Shows = Callable[[Array, float], bool]  # whether the mean is below 0, at a level
PRIOR = 1  # variance of the standardised mean that the e-process expects


@dataclass(frozen=True)
class Method:
    """A one-sided test with the interval that goes with it.

    Attributes:
        p: of the mean being below 0.
        critical: standard errors between the mean and an interval's end, by n and the end's tail.
    """

    p: OneSided
    critical: Callable[[int, float], float]

    def end(self, values: Array, tail: float) -> float:
        """How far above the mean an upper end lies, that it exceeds with this chance at most."""
        error = spread(values) / sqrt(len(values))
        return float(self.critical(len(values), tail) * error) if error else 0.0

    def shows(self, values: Array, tail: float) -> bool:
        """Whether the mean is shown to be below 0 at this level: p ≤ tail, without computing p."""
        return mean(values) + self.end(values, tail) < 0


def t_test(values: Array) -> float:
    """p of Student's test that the mean is below 0; 0 or 1 where the seeds do not differ at all."""
    centre, error = mean(values), spread(values) / sqrt(len(values))
    if error == 0:
        return 0.0 if centre < 0 else 1.0
    return t_cdf(centre / error, len(values) - 1)


def flips_show(values: Array, tail: float) -> bool:
    """Whether the sign-flip test shows at this level that the mean is below 0."""
    return sign_flip(values) <= tail


def any_time(values: Array) -> float:
    """p of the e-process that the mean is below 0, at whatever number of seeds one looks."""
    n, centre = len(values), mean(values)
    if centre >= 0:
        return 1.0
    error = spread(values) / sqrt(n)
    if error == 0:
        return 0.0
    share, wide = Decimal((centre / error) ** 2) / (n - 1), Decimal(1 + n * PRIOR)
    log_e = n * ((1 + share).ln(DIGITS) - (1 + share / wide).ln(DIGITS)) / 2 - wide.ln(DIGITS) / 2
    return min(1.0, float((-log_e).exp(DIGITS)) / 2)


def any_time_critical(n: int, tail: float) -> float:
    """The t statistic at which `any_time` gives this p; infinite where no n values can."""
    wide = Decimal(1 + n * PRIOR)
    ratio = (2 * ((wide.ln(DIGITS)) / 2 - Decimal(2 * tail).ln(DIGITS)) / n).exp(DIGITS)
    if ratio >= wide:
        return inf
    return sqrt(float((ratio - 1) / (1 - ratio / wide)) * (n - 1))


def t_critical(n: int, tail: float) -> float:
    """Student's quantile for n seeds and this upper tail."""
    return t_quantile(1 - tail, n - 1)


T_TEST = Method(t_test, t_critical)
ANY_TIME = Method(any_time, any_time_critical)


def p_inside(values: Array, regions: Iterable[Region], p: OneSided) -> float:
    """p of the test that the mean lies in a union of intervals; 1 for an empty union.

    Inside one interval means above its low end and below its high one: the larger of two p. Of
    several intervals the smallest p counts, times their number.
    """
    each = [
        max(
            0.0 if isinf(low) else p(_above(low, values)),
            0.0 if isinf(high) else p(-_above(high, values)),
        )
        for low, high in regions
    ]
    return min(1.0, len(each) * min(each)) if each else 1.0


def shown_inside(values: Array, regions: tuple[Region, ...], shows: Shows, tail: float) -> bool:
    """Whether the mean is shown to lie in a union of intervals: `p_inside` ≤ tail."""
    part = tail / max(1, len(regions))
    return any(
        (isinf(low) or shows(_above(low, values), part))
        and (isinf(high) or shows(-_above(high, values), part))
        for low, high in regions
    )


def _above(end: float, values: Array) -> Array:
    """How far an end lies above each value; exactly 0 where they differ by rounding only."""
    apart = end - values
    apart[np.abs(apart) <= ROUNDING * np.maximum(np.abs(values), abs(end))] = 0
    return apart
