"""Claims and their verdicts: what the seeds show of each claim, at one level for all of them.

A study states m claims and looks at them L times (once, unless it declares more looks). Each claim
is judged at the level α / (m L), half of it for each side: the *tail* τ = α / (2 m L). Over the k
distinct cells that it is about (bit-equal cells are one):

* SUPPORTED: in every cell the claim's region is shown, each by tests at τ.
* If not, some cell must be shown to fail, at τ / k (Bonferroni); else the claim is INCONCLUSIVE.
* It is OPPOSITE if the reverse is shown in every cell at τ, NEGLIGIBLE if the effect is shown to
  lie within the margin in every cell at τ, and FAILS if every cell is shown to fail at τ, the one
  way or the other. Otherwise it holds NOT EVERYWHERE.

A verdict is wrong with a chance of at most 2 τ. If the claim holds everywhere, it is denied only
after some cell was shown to fail: k tests at τ / k. If it holds in some cell, OPPOSITE, NEGLIGIBLE
and FAILS all need that this cell is shown to fail, at τ, and SUPPORTED that a cell in which it
fails is shown to hold, at τ. If it fails everywhere, FAILS is right. NEGLIGIBLE is then wrong
through a cell beyond the margin: SUPPORTED or NEGLIGIBLE both need that it is shown below the
margin, at τ; or else only SUPPORTED is wrong, at τ; and OPPOSITE through a cell that is not beyond
the margin, at τ.

The interval for the worst cell ends, against the claim, at the largest of the cells' upper ends
(tail τ), and towards it at the largest of their lower ends (tail τ / k). It excludes the bound
exactly when the claim is shown to hold or to fail, and all m intervals hold together.
"""

from dataclasses import dataclass, replace
from math import isnan

import numpy as np

from harness.analysis.clustered import Covariances, item_error, with_items
from harness.analysis.evidence import Evidence, gather_evidence, untestable
from harness.analysis.failures import Failures, failures
from harness.analysis.frames import StudyData
from harness.analysis.grid import Grid, grid
from harness.analysis.intervals import MOST_SEEDS_FOR_FLIPS, NAN, Array, mean, sign_flip
from harness.analysis.one_sided import (
    ANY_TIME,
    T_TEST,
    Method,
    OneSided,
    Shows,
    flips_show,
    p_inside,
    shown_inside,
)
from harness.analysis.statements import Region, Statement
from harness.study.claims import Claim
from harness.study.study import Study

ALPHA = 0.05  # chance that any verdict of a study is wrong
PROMISE = (
    "The chance that a study contains a wrong verdict is at most 5 %, provided that claims, seeds "
    "and looks were fixed before the runs, that seeds are independent and their differences close "
    "to normally distributed, and that no run fails in a way that its seeds have not shown."
)

VERDICTS = (
    "SUPPORTED", "OPPOSITE", "NEGLIGIBLE", "FAILS", "NOT EVERYWHERE", "INCONCLUSIVE",
    "NOT TESTABLE",
)  # fmt: skip
SUPPORTED, OPPOSITE, NEGLIGIBLE, FAILS, NOT_EVERYWHERE, INCONCLUSIVE, NOT_TESTABLE = VERDICTS
TOO_FEW, TOO_MANY = "too few seeds", "too many seeds"  # for sign-flip tests


@dataclass(frozen=True)
class Verdict:
    """What the data say of a claim.

    Attributes:
        evidence: what it rests on.
        word: one of VERDICTS.
        alpha: the level this claim is judged at; its interval's level is 1 − alpha.
        p_for, p_against: one-sided p of the claim and of its negation, over all cells.
        p_holds, p_fails: one-sided p of holding and of failing in each distinct cell.
        p_adjusted: two-sided, times the number of claims and looks; at most α with a verdict.
        low, high: interval for the worst of the cells, whichever that is.
        cell: the cell least favourable to the claim by its estimate.
        estimate: of that cell, in the response's unit (absolute of a two-sided claim). Among
            several cells the least favourable estimate is biased against the claim.
        holding, failing: cells shown to hold, and to fail, by tests at τ / k.
        tipping: the tipping share of failing runs, and the share that the seeds leave open.
        p_flip: the exact sign-flip p of the claim or its negation, one-sided, corrected for the
            number of cells only.
        by_sign_flip: the word that sign-flip tests give at the same levels, or why they cannot.
        without_one: by each seed, the word when it is left out.
    """

    evidence: Evidence
    word: str
    alpha: float
    p_for: float = NAN
    p_against: float = NAN
    p_holds: tuple[float, ...] = ()
    p_fails: tuple[float, ...] = ()
    p_adjusted: float = 1.0
    low: float = NAN
    high: float = NAN
    cell: str = ""
    estimate: float = NAN
    holding: tuple[str, ...] = ()
    failing: tuple[str, ...] = ()
    tipping: tuple[float, float] = (NAN, NAN)
    p_flip: float = NAN
    by_sign_flip: str = ""
    without_one: dict[int, str] | None = None

    @property
    def claim(self) -> Claim:
        """The claim itself."""
        return self.evidence.claim

    @property
    def settled(self) -> bool:
        """Whether more seeds are not needed, or would not help."""
        return self.word not in (INCONCLUSIVE, NOT_TESTABLE) or self.evidence.settled

    @property
    def if_no_run_fails(self) -> bool:
        """Whether a share of failing runs that the seeds cannot exclude would overturn it."""
        share, left_open = self.tipping
        return share < left_open


def looks(study: Study) -> list[tuple[int, ...]]:
    """The seeds at each look that the study's seeds reach: all of them, unless it declares looks.

    >>> from harness.study.files import load_study
    >>> [len(seeds) for seeds in looks(load_study("smoke"))]
    [2]
    """
    if study.declared_looks:
        return [study.seeds[:n] for n in study.declared_looks if n <= len(study.seeds)]
    return [study.seeds]


def verdicts(data: StudyData) -> list[Verdict]:
    """The verdict on every claim of the study, in the order of the file."""
    return [first_settled(at_looks) for at_looks in verdicts_by_look(data)]


def first_settled(at_looks: list[Verdict]) -> Verdict:
    """A claim's verdict at the first look that settles it.

    If none does, that of the last look that has its runs, or else of the first look.
    """
    testable = (verdict for verdict in reversed(at_looks) if verdict.word != NOT_TESTABLE)
    settled = (verdict for verdict in at_looks if verdict.settled)
    return next(settled, None) or next(testable, at_looks[0])


def verdicts_by_look(data: StudyData) -> list[list[Verdict]]:
    """Every claim's verdict at each look."""
    study = data.study
    grids = {claim.response: grid(data, claim.response) for claim in study.claims}
    return [
        [judge(data, claim, grids[claim.response].of_seeds(seeds)) for seeds in looks(study)]
        or [Verdict(untestable(study, claim, "no look is reached"), NOT_TESTABLE, level(study))]
        for claim in study.claims
    ]


def level(study: Study) -> float:
    """α of each claim at each look."""
    return ALPHA / (max(1, len(study.claims)) * max(1, len(study.declared_looks)))


def method_of(study: Study) -> Method:
    """The tests that the study's verdicts rest on."""
    return ANY_TIME if study.looks == "any" else T_TEST


def bare_verdict(study: Study, claim: Claim, measured: Grid) -> Verdict:
    """The verdict as `judge` gives it, with nothing beside it, at less cost."""
    evidence, alpha, word = gather_evidence(study, claim, measured), level(study), NOT_TESTABLE
    if not evidence.reason:
        word = decide(evidence.values, evidence.statement, method_of(study).shows, alpha / 2)
    return Verdict(evidence, word, alpha)


def word_elsewhere(data: StudyData, v: Verdict) -> str:
    """The word that the same seeds give on another split; "" where the response has none."""
    elsewhere = data.study.response(v.claim.response).elsewhere
    if not elsewhere or v.evidence.reason:
        return ""
    claim = v.claim.model_copy(update={"response": elsewhere})
    measured = grid(data, elsewhere).of_seeds(v.evidence.seeds)
    return bare_verdict(data.study, claim, measured).word


def word_with_items(data: StudyData, v: Verdict, known: Covariances) -> str:
    """The word where standard errors take in those over items; "" where these are not known."""
    evidence = v.evidence
    errors = [item_error(cell.weights, known) for cell in evidence.cells]
    if evidence.reason or any(map(isnan, errors)):
        return ""
    columns = zip(evidence.values.T, errors, strict=True)
    values = np.column_stack([with_items(column, error) for column, error in columns])
    return decide(values, evidence.statement, method_of(data.study).shows, v.alpha / 2)


def judge(data: StudyData, claim: Claim, measured: Grid) -> Verdict:
    """The verdict that some seeds give, with all that stands beside it.

    Args:
        data: the study's.
        claim: one of its claims.
        measured: the claim's response, of these seeds.
    """
    study = data.study
    bare = bare_verdict(study, claim, measured)
    if bare.word == NOT_TESTABLE:
        return bare
    evidence, method, tail = bare.evidence, method_of(study), bare.alpha / 2
    stated, values, k = evidence.statement, evidence.values, len(evidence.cells)
    holds, fails = _each(values, stated.holds, method.p), _each(values, stated.fails, method.p)
    p_for, p_against = max(holds), min(1.0, k * min(fails))
    low, high = worst_interval(values, stated, method, tail)
    means = [abs(mean(u)) if stated.two_sided else mean(u) for u in values.T]
    worst = means.index(max(means))  # the higher, the more against the claim
    if stated.sign < 0:
        low, high = 0.0 - high, 0.0 - low  # never −0
    names = [cell.name for cell in evidence.cells]
    verdict = replace(
        bare, p_for=p_for, p_against=p_against, p_holds=tuple(holds), p_fails=tuple(fails),
        p_adjusted=min(1.0, 2 * min(p_for, p_against) * ALPHA / bare.alpha),
        low=low, high=high, cell=names[worst], estimate=stated.sign * means[worst] + 0.0,
        holding=tuple(n for n, p in zip(names, holds, strict=True) if p <= tail / k),
        failing=tuple(n for n, p in zip(names, fails, strict=True) if p <= tail / k),
        p_flip=_flip_p(values, stated),
        by_sign_flip=_by_sign_flip(values, stated, bare.word, tail),
        without_one=_without_one(evidence, method.shows, tail),
    )  # fmt: skip
    return replace(verdict, tipping=tipping(verdict, failures(data, measured)))


def decide(values: Array, stated: Statement, shows: Shows, tail: float) -> str:
    """The verdict's word for these values.

    Args:
        values: u of each seed and distinct cell (n, k).
        stated: what the claim says of u.
        shows: the one-sided test.
        tail: the level of each side, τ.
    """
    k = values.shape[1]

    def in_all(regions: tuple[Region, ...]) -> bool:
        return all(shown_inside(column, regions, shows, tail) for column in values.T)

    if in_all(stated.holds):
        return SUPPORTED
    if not any(shown_inside(column, stated.fails, shows, tail / k) for column in values.T):
        return INCONCLUSIVE
    for word, regions in ((OPPOSITE, stated.opposite), (NEGLIGIBLE, stated.negligible)):
        if in_all(regions):
            return word
    return FAILS if in_all(stated.fails) else NOT_EVERYWHERE


def worst_interval(
    values: Array, stated: Statement, method: Method, tail: float
) -> tuple[float, float]:
    """Interval for the worst cell's u, or |u| of a two-sided claim; misses it with 2 τ at most."""
    columns = [side * column for side in stated.sides for column in values.T]
    tail_low = tail / len(columns)
    low = max(mean(column) - method.end(column, tail_low) for column in columns)
    high = max(mean(column) + method.end(column, tail) for column in columns)
    return (max(0.0, low) if stated.two_sided else low), high


def tipping(verdict: Verdict, failed: Failures) -> tuple[float, float]:
    """The share of failing runs that overturns a verdict, and the share that the seeds leave open.

    A verdict on all cells is overturned by the cell that is nearest to it; NOT EVERYWHERE only if
    every cell shown to fail is.
    """
    stated = verdict.evidence.statement
    regions = {SUPPORTED: stated.holds, OPPOSITE: stated.opposite, NEGLIGIBLE: stated.negligible,
               FAILS: stated.fails, NOT_EVERYWHERE: stated.fails}.get(verdict.word, ())  # fmt: skip
    shares = []
    for cell, column in zip(verdict.evidence.cells, verdict.evidence.values.T, strict=True):
        u = mean(column)
        region = _around(u, regions)
        if region and (verdict.word != NOT_EVERYWHERE or cell.name in verdict.failing):
            signed = {variant: stated.sign * weight for variant, weight in cell.weights.items()}
            shares.append(failed.tipping(signed, u, region))
    if not shares:
        return NAN, NAN
    choose = max if verdict.word == NOT_EVERYWHERE else min
    return choose(shares, key=lambda pair: pair[0] - pair[1])


def _around(u: float, regions: tuple[Region, ...]) -> Region | None:
    """The interval that holds u."""
    return next(((low, high) for low, high in regions if low <= u <= high), None)


def _each(values: Array, regions: tuple[Region, ...], p: OneSided) -> list[float]:
    """p of each cell's mean lying in the region."""
    return [p_inside(column, regions, p) for column in values.T]


def _by_sign_flip(values: Array, stated: Statement, word: str, tail: float) -> str:
    """The word that sign-flip tests give, or why they can give none where the t test does."""
    n, k = values.shape
    if n > MOST_SEEDS_FOR_FLIPS:
        return TOO_MANY
    smallest = tail if word == SUPPORTED else tail / (k * len(stated.sides))
    by_flips = decide(values, stated, flips_show, tail)
    return TOO_FEW if by_flips == INCONCLUSIVE and 0.5**n > smallest else by_flips


def _flip_p(values: Array, stated: Statement) -> float:
    """The smaller of the exact one-sided p of the claim and of its negation."""
    holds, fails = _each(values, stated.holds, sign_flip), _each(values, stated.fails, sign_flip)
    return min(max(holds), min(1.0, len(fails) * min(fails)))


def _without_one(evidence: Evidence, shows: Shows, tail: float) -> dict[int, str] | None:
    """The word without each of the seeds; None with two."""
    if len(evidence.seeds) < 3:
        return None
    return {
        seed: decide(np.delete(evidence.values, i, axis=0), evidence.statement, shows, tail)
        for i, seed in enumerate(evidence.seeds)
    }
