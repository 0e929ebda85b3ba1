"""Runs that fail: how many did, how many may without having shown, and what that would change.

A run *fails* if it diverges, or if its response ends further from its variant's median over the
seeds than `DISTANCE` robust standard deviations (1.4826 × the median absolute deviation, of the
variant, or of the median variant if that is more). Where most runs are equal there is no such
measure, and a run fails beyond the response's margin. At initialisation nothing can fail.

A t test knows nothing of an event that happens to one run in ten and has not happened yet. So every
verdict comes with its *tipping share*: the further share of failing runs, in every variant where
failures speak against it, at which the estimate would leave the verdict's region. A failed run
counts as the response's cap; as 0 or 1, whichever is worse, if it is a share; of any other response
nothing bounds it, and the tipping share is 0. Where the tipping share is smaller than what the
seeds leave open (Clopper and Pearson 1934), the verdict holds *if no run fails*.
"""

from dataclasses import dataclass
from math import inf

import numpy as np
import pandas as pd

from harness.analysis.distributions import beta_odds
from harness.analysis.frames import StudyData, cap_of
from harness.analysis.grid import Grid, Weights, grid
from harness.analysis.intervals import ROUNDING
from harness.analysis.statements import Region

DISTANCE = 10.0  # robust standard deviations
NORMAL_MAD = 1.4826  # a normal standard deviation over its median absolute deviation
CONFIDENCE = 0.95  # of the upper limit of a share
COLUMNS = ("variant", "failed", "diverged", "n", "share", "limit")


@dataclass(frozen=True)
class Failures:
    """The failed runs of one response.

    Attributes:
        possible: whether a run can fail in this response at all.
        failed: variants × seeds.
        values: the response, variants × seeds, NaN where a run cannot be used.
        worst: the values that a failed run may have.
    """

    possible: bool
    failed: pd.DataFrame
    values: pd.DataFrame
    worst: tuple[float, ...]

    def unseen(self, variant: str) -> float:
        """The further share of a variant's runs that may fail, as far as its seeds tell."""
        failed = self.failed.loc[variant].to_numpy()
        return upper_limit(int(failed.sum()), len(failed)) - float(failed.mean())

    def tipping(self, weights: Weights, u: float, region: Region) -> tuple[float, float]:
        """The tipping share of a contrast, and the share that its seeds leave open.

        Args:
            weights: of the variants, with the sign of the statement.
            u: their estimate; in the region.
            region: that u must not leave.
        """
        if not self.possible:
            return inf, 0.0
        medians = self.values.median(axis="columns")
        found = []
        for side, room in ((1, region[1] - u), (-1, u - region[0])):
            if room == inf:
                continue
            shifts = {
                variant: max(0.0, *(side * weight * (value - medians[variant])
                                    for value in self.worst))
                for variant, weight in weights.items() if weight
            }  # fmt: skip
            harmful = [variant for variant, shift in shifts.items() if shift > 0]
            total = sum(shifts.values())
            left_open = max(map(self.unseen, harmful), default=0.0)
            found.append((room / total if total else inf, left_open))
        return min(found, key=lambda pair: pair[0] - pair[1])


def failures(data: StudyData, measured: Grid) -> Failures:
    """The failed runs of a study in one response."""
    described = data.study.response(measured.response)
    values = measured.values
    if described.at_init:
        return Failures(False, values.notna() & False, values, ())
    away = values.sub(values.median(axis="columns"), axis="index").abs()
    scale = NORMAL_MAD * away.median(axis="columns")
    scale = scale.clip(lower=scale.median())
    equal = scale <= ROUNDING * values.abs().max(axis="columns")
    allowed = (DISTANCE * scale).mask(equal, described.margin)
    failed = away.gt(allowed, axis="index") | measured.diverged
    most = cap_of(described, data.facts)
    if np.isfinite(most):
        worst: tuple[float, ...] = (most,)
    else:
        worst = (0.0, 1.0) if described.unit == "share" else (-inf, inf)
    return Failures(True, failed, values, worst)


def upper_limit(failed: int, n: int) -> float:
    """Clopper and Pearson's upper limit, one-sided, of a share of which so many of n were seen."""
    if failed == n:
        return 1.0
    odds = beta_odds(1 - CONFIDENCE, failed + 1, n - failed, upper=True)
    return odds / (1 + odds)


def failures_table(data: StudyData, response: str) -> pd.DataFrame:
    """How many runs of each variant failed, and the largest share that this leaves possible.

    Returns:
        COLUMNS: `failed` counts diverged runs and those far from the median; `n` the runs that
        ended; `limit` is the upper 95 % limit of the share that fails.
    """
    measured = grid(data, response)
    counts = pd.DataFrame({
        "failed": failures(data, measured).failed.sum(axis="columns"),
        "diverged": measured.diverged.sum(axis="columns"),
        "n": (measured.values.notna() | measured.diverged).sum(axis="columns"),
    })  # fmt: skip
    rows = [
        (variant, failed, diverged, n, failed / n, upper_limit(failed, n))
        for variant, failed, diverged, n in counts.itertuples(name=None)
        if n
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))
