"""What a claim says, as a statement about one number a cell: in which region it lies.

The number u of a cell is the claim's seed-wise contrast there, times a sign, so that every claim
about a direction reads "u < bound". On the line of u a statement has up to four regions:

    claim                          holds        fails              opposite     negligible
    lower by more than δ ≥ 0       u < −δ       u > −δ             u > δ        −δ < u < δ
    no worse than by δ (δ < 0)     u < |δ|      u > |δ|            –            –
    below (above) a number b       u < b        u > b              –            –
    within ± δ                     −δ < u < δ   u < −δ or u > δ    –            –

With `over = "mean"` a claim is about one number, the mean of its cells; with "every" it is about
each of them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import inf
from typing import assert_never

from harness.analysis.grid import AT_BASELINE, Weights, averaged, mean_of
from harness.study.claims import Claim, Difference, Equivalence, Interaction, Threshold, terms
from harness.study.levels import place_label
from harness.study.study import Study

Region = tuple[float, float]  # all numbers between two ends


@dataclass(frozen=True)
class Statement:
    """Regions of u, each the union of the intervals named.

    Attributes:
        sign: 1 or −1; u = sign × Σ w·y.
        holds, fails: where u lies if the claim holds, and if it does not.
        opposite, negligible: parts of the latter: where the reverse holds, beyond the margin, and
            where the effect is smaller than the margin. Empty where a claim of its kind has none.
    """

    sign: int
    holds: tuple[Region, ...]
    fails: tuple[Region, ...]
    opposite: tuple[Region, ...] = ()
    negligible: tuple[Region, ...] = ()

    @property
    def bound(self) -> float:
        """What u stays below, or |u| if the claim is two-sided."""
        return self.holds[0][1]

    @property
    def two_sided(self) -> bool:
        """Whether the claim is about |u|."""
        return len(self.fails) == 2

    @property
    def sides(self) -> tuple[int, ...]:
        """The signs with which u stays below the bound."""
        return (1, -1) if self.two_sided else (1,)


def below(bound: float, sign: int = 1) -> Statement:
    """u < bound."""
    return Statement(sign, ((-inf, bound),), ((bound, inf),))


def lower(margin: float, sign: int = 1) -> Statement:
    """u < −margin; with a margin below 0: no higher than by so much."""
    said = below(-margin, sign)
    if margin < 0:
        return said
    negligible = ((-margin, margin),) if margin else ()
    return replace(said, opposite=((margin, inf),), negligible=negligible)


def within(margin: float) -> Statement:
    """−margin < u < margin."""
    return Statement(1, ((-margin, margin),), ((-inf, -margin), (margin, inf)))


def statement(claim: Claim) -> Statement:
    """What a claim says of each of its cells."""
    match claim:
        case Threshold(below=None):
            return below(-(claim.above or 0.0), sign=-1)
        case Threshold():
            return below(claim.below or 0.0)
        case Equivalence():
            return within(claim.delta)
        case Difference() | Interaction():
            return lower(claim.delta, 1 if claim.direction == "lower" else -1)
        case _:
            assert_never(claim)


@dataclass(frozen=True)
class Cell:
    """A number a claim is about.

    Attributes:
        name: in words.
        weights: the variants' in it.
        over: how many combinations of the other factors have one, or are in the mean, if not all.
    """

    name: str
    weights: Weights
    over: str = ""


def cells_of(study: Study, claim: Claim) -> Iterator[Cell]:
    """What the claim is about: the contrast in every cell meant, or their mean.

    Of a partial grid, only in the places that have every variant compared.
    """
    compared = terms(claim)
    mean = averaged(study, compared, claim.where)
    if claim.over == "every":
        for place in study.places([part for _, part in compared], claim.where):
            yield Cell(place_label(place), mean_of(study, compared, [place]), mean.over)
    else:
        name = place_label(claim.where) or f"mean of {'some' if mean.over else 'all'} cells"
        if mean.over == AT_BASELINE and not claim.where:
            name = "at the baseline"
        yield Cell(name, mean.weights, mean.over)


def variants_of(study: Study, claim: Claim) -> list[str]:
    """The variants whose runs decide the claim."""
    cells = cells_of(study, claim)
    return list(dict.fromkeys(v for cell in cells for v, weight in cell.weights.items() if weight))
