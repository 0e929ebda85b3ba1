"""Claims and their verdicts: tests of each claim and of its negation, with Holm over the study.

p_for and p_against are one-sided t tests of the claim and of its negation (`halves` says how they
follow from the cells' tests); p = 2 · min of the two. Holm over all claims of the study, also the
untestable ones, which count as p = 1, gives the level each claim is judged and shown at:
α / (m − rank + 1), where every claim after the first that fails keeps that one's. At that level
the interval for the least favourable cell ends, towards the claim, at the largest of the cells'
upper ends (tail α/2), and, against it, at the largest of their lower ends (tail α/2 over the
number of halves); so it leaves the bound out exactly when there is a verdict.
"""

from bisect import bisect_left
from dataclasses import dataclass
from math import sqrt

import numpy as np

from harness.analysis.distributions import t_cdf, t_quantile
from harness.analysis.frames import StudyData
from harness.analysis.grid import Grid, contrast, grid
from harness.analysis.halves import Half, boundary, halves
from harness.analysis.intervals import NAN, Array, mean, spread
from harness.study.claims import Claim, Equivalence
from harness.study.study import Study

ALPHA = 0.05  # chance that any claim of a study gets a wrong verdict
MOST_SEEDS = 100  # above it the guess is ">100"
POWER = 0.8  # of the guess

VERDICTS = ("SUPPORTED", "REFUTED", "INCONCLUSIVE", "NOT TESTABLE")
SUPPORTED, REFUTED, INCONCLUSIVE, NOT_TESTABLE = VERDICTS


@dataclass(frozen=True)
class ClaimTest:
    """A claim's tests before correction.

    Attributes:
        claim: as written in the study.
        halves: what must hold for it.
        d: the halves' seed-wise values; the claim says that every column's mean is below 0 (n, k).
        p_for, p_against: one-sided p of the claim and of its negation.
        reason: why it cannot be tested; "" if it can.
    """

    claim: Claim
    halves: list[Half]
    d: Array
    p_for: float = NAN
    p_against: float = NAN
    reason: str = ""

    @property
    def p(self) -> float:
        """Two-sided p; 1 where the claim cannot be tested."""
        return 1.0 if self.reason else min(1.0, 2 * min(self.p_for, self.p_against))


@dataclass(frozen=True)
class Verdict:
    """What the data say of a claim.

    Attributes:
        tested: the claim and its tests.
        verdict: SUPPORTED, REFUTED, INCONCLUSIVE or NOT TESTABLE.
        bound: what the claim says the value stays below, or above.
        alpha: the level this claim is judged at; its interval's level is 1 − alpha.
        p_adjusted: Holm's, over the study's claims.
        estimate: of the least favourable cell, in the response's unit (of an equivalence, of the
            absolute difference); NaN where not testable.
        low, high: interval for the worst of the cells, whichever that is.
        cell: the least favourable cell.
        seeds_needed: a guess at the seeds a verdict would take; "" unless inconclusive.
    """

    tested: ClaimTest
    verdict: str
    bound: float
    alpha: float
    p_adjusted: float = 1.0
    estimate: float = NAN
    low: float = NAN
    high: float = NAN
    cell: str = ""
    seeds_needed: str = ""


def verdicts(data: StudyData) -> list[Verdict]:
    """The verdict on every claim of the study, in the order of the file."""
    grids = {claim.response: grid(data, claim.response) for claim in data.study.claims}
    tested = [evaluate_claim(data.study, c, grids[c.response]) for c in data.study.claims]
    adjusted, alphas = holm(np.array([one.p for one in tested]))
    return [
        judge(one, float(p), float(alpha))
        for one, p, alpha in zip(tested, adjusted, alphas, strict=True)
    ]


def evaluate_claim(study: Study, claim: Claim, measured: Grid) -> ClaimTest:
    """Test a claim and its negation."""
    parts = halves(study, claim)
    used = {variant: 1.0 for half in parts for variant, w in half.weights.items() if w}
    needed = contrast(measured, used)
    if measured.diverged.loc[list(used)].all(axis=None):
        reason = "every run it needs diverged"
    else:
        reason = needed.reason or ("one seed" if len(needed.seeds) < 2 else "")
    if reason:
        return ClaimTest(claim, parts, np.empty((0, len(parts))), reason=reason)
    d = seedwise(parts, measured)
    return ClaimTest(claim, parts, d, *p_values(d))


def seedwise(parts: list[Half], measured: Grid) -> Array:
    """What the halves say is below 0, one row a seed that has the runs needed (n, k)."""
    return np.column_stack(
        [half.sign * contrast(measured, half.weights).values - half.bound for half in parts]
    )


def p_values(d: Array) -> tuple[float, float]:
    """One-sided p of "every column's mean is below 0", and of its negation.

    Args:
        d: seeds × halves, at least two seeds.
    """
    p = np.array([one_sided_p(column) for column in d.T])
    opposite = np.array([one_sided_p(-column) for column in d.T])
    return float(p.max()), min(1.0, float(opposite.min()) * len(opposite))


def one_sided_p(values: Array) -> float:
    """p of the t test that the mean is below 0; 0 or 1 where the seeds do not differ at all."""
    centre, se = mean(values), spread(values) / sqrt(len(values))
    if se == 0:
        return 0.0 if centre < 0 else 1.0
    return t_cdf(centre / se, len(values) - 1)


def holm(p: Array) -> tuple[Array, Array]:
    """Holm's adjusted p of each claim, and the level at which each is judged (m,)."""
    m = len(p)
    order = np.argsort(p, kind="stable")
    steps = m - np.arange(m)  # what each p, in rising order, is multiplied by
    rising = np.minimum(1.0, np.maximum.accumulate(steps * p[order])) if m else p
    first_failure = int(np.argmax(rising > ALPHA)) if (rising > ALPHA).any() else m - 1
    adjusted, alphas = np.empty(m), np.empty(m)
    adjusted[order] = rising
    alphas[order] = ALPHA / steps[np.minimum(np.arange(m), first_failure)]
    return adjusted, alphas


def judge(tested: ClaimTest, p_adjusted: float, alpha: float) -> Verdict:
    """The verdict at the level Holm leaves for this claim, and the interval that goes with it."""
    sign, bound = boundary(tested.claim)
    if tested.reason:
        return Verdict(tested, NOT_TESTABLE, sign * bound, alpha)
    verdict = SUPPORTED if tested.p_for < tested.p_against else REFUTED
    if p_adjusted > ALPHA:
        verdict = INCONCLUSIVE
    low, high = worst_interval(tested.d, alpha)
    means = [mean(column) for column in tested.d.T]
    ends = [sign * (bound + end) for end in (low, max(means), high)]
    low, estimate, high = ends if sign > 0 else ends[::-1]
    return Verdict(
        tested,
        verdict,
        sign * bound,
        alpha,
        p_adjusted,
        estimate,
        low=max(0.0, low) if isinstance(tested.claim, Equivalence) else low,
        high=high,
        cell=tested.halves[means.index(max(means))].cell,
        seeds_needed=seeds_needed(tested.d, alpha) if verdict == INCONCLUSIVE else "",
    )


def worst_interval(d: Array, alpha: float) -> tuple[float, float]:
    """Interval for the largest of the columns' means, at least 1 − alpha sure to cover it."""
    n, k = d.shape
    known = [(mean(column), spread(column) / sqrt(n)) for column in d.T]
    below, above = t_quantile(1 - alpha / (2 * k), n - 1), t_quantile(1 - alpha / 2, n - 1)
    return (
        max(centre - below * error for centre, error in known),
        max(centre + above * error for centre, error in known),
    )


def seeds_needed(d: Array, alpha: float) -> str:
    """A guess at how many seeds would decide it, if means and spread stay as they are.

    For a verdict four times out of five: towards the claim every half must come out, against it
    one is enough.
    """
    known = [(mean(column), spread(column)) for column in d.T]
    towards = max(known)[0] < 0
    sign, tail = (-1, alpha / 2) if towards else (1, alpha / (2 * d.shape[1]))
    counts = [_seeds(sign * centre, sd, tail) for centre, sd in known]
    needed = max(counts) if towards else min(counts)
    return f">{MOST_SEEDS}" if needed > MOST_SEEDS else str(needed)


def _seeds(centre: float, sd: float, tail: float) -> int:
    """Seeds at which a t test of this tail finds this mean with the usual power."""

    def found(n: int) -> bool:
        quantiles = t_quantile(1 - tail, n - 1) + t_quantile(POWER, n - 1)
        return centre > 0 and centre * sqrt(n) >= sd * quantiles

    return 2 + bisect_left(range(2, MOST_SEEDS + 1), True, key=found)  # more seeds find more
