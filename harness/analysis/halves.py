"""A claim as one-sided statements about seed-wise contrasts, all of which must hold.

Every claim comes down to "d < 0" for some contrasts d, its *halves*: a threshold has one per cell
meant, a difference too (level − versus, beyond the margin), and an equivalence has two (not higher
by δ, not lower by δ). With `over = "mean"` there is one cell, the mean of all. So

* the claim is all halves: an intersection–union test, whose p is the largest of the halves' p;
* its negation is that some half fails: the smallest of the halves' opposite p, times their number
  (Bonferroni), since one bad cell out of twelve turns up by chance;
* the estimate is that of the worst half: the cell that is least favourable to the claim.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import assert_never

from harness.analysis.contrasts import difference, interaction
from harness.analysis.grid import Weights, cells_in, combinations_of, combine, mean_of, place_label
from harness.study.claims import Claim, Difference, Equivalence, Interaction, Threshold
from harness.study.levels import Levels
from harness.study.study import Study


@dataclass(frozen=True)
class Half:
    """The statement d < 0 about the seed-wise contrast d = sign × Σ w·y − bound.

    Attributes:
        cell: the cells it is about, in words.
        weights: of the variants.
        sign: 1 or −1.
        bound: in the response's unit.
    """

    cell: str
    weights: Weights
    sign: int
    bound: float


def boundary(claim: Claim) -> tuple[int, float]:
    """Sign s and bound b such that the claim says s × value < b."""
    match claim:
        case Threshold():
            return (1, claim.below) if claim.below is not None else (-1, -(claim.above or 0.0))
        case Equivalence():
            return 1, claim.delta
        case Difference() | Interaction():
            return (1 if claim.direction == "lower" else -1), -claim.delta
        case _:
            assert_never(claim)


def halves(study: Study, claim: Claim) -> list[Half]:
    """Everything that must hold for the claim to hold."""
    sign, bound = boundary(claim)
    signs = (1, -1) if isinstance(claim, Equivalence) else (sign,)
    return [
        Half(cell, weights, one, bound) for cell, weights in _cells(study, claim) for one in signs
    ]


def _cells(study: Study, claim: Claim) -> Iterator[tuple[str, Weights]]:
    """What the claim is about: the contrast in every cell meant, or their mean."""
    compared = {getattr(claim, name, None) for name in ("factor", "by")}
    free = [factor for factor in study.factors if factor not in compared]
    places = cells_in(combinations_of(study, free), claim.where)
    if claim.over == "every":
        yield from ((place_label(place), _weights(study, claim, place)) for place in places)
    else:
        share = 1 / len(places)
        terms = [(share, _weights(study, claim, place)) for place in places]
        yield place_label(claim.where) or "mean of all cells", combine(*terms)


def _weights(study: Study, claim: Claim, place: Levels) -> Weights:
    """What the claim is about in one place."""
    match claim:
        case Threshold():
            return mean_of(study, place)
        case Difference() | Equivalence():
            return difference(study, claim.factor, claim.level, claim.versus, place)
        case Interaction():
            pair = (claim.level, claim.versus)
            return interaction(study, claim.factor, pair, claim.by, claim.at, place)
        case _:
            assert_never(claim)
