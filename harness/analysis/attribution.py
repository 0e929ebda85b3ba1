"""From bare to baseline: how much of the difference each part accounts for."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from math import factorial

from harness.analysis.grid import Weights, cell_label
from harness.study.levels import Levels, place_label
from harness.study.study import Study


@dataclass(frozen=True)
class Share:
    """One part's share by one way of counting, within a stratum.

    Attributes:
        stratum: levels of the factors that `bare` does not name; "" if it names all.
        method: "add-one-in" (to bare), "leave-one-out" (of baseline), "shapley" (the mean over all
            orders of adding), or "total" (baseline − bare, which the Shapley shares sum to).
        factor: whose share; "" of the total.
        weights: of the variants; none if one of them is missing.
        lacking: which variant is missing, in words; "" if none is.
    """

    stratum: str
    method: str
    factor: str
    weights: Weights
    lacking: str = ""


def attributed_factors(study: Study) -> tuple[str, ...]:
    """The factors to attribute to: those whose bare level is not their baseline level."""
    return tuple(f for f in study.factors if f in study.bare and study.bare[f] != study.baseline[f])


def attribution(study: Study) -> Iterator[Share]:
    """All shares of all parts, in every stratum in which one of them can be estimated."""
    parts = attributed_factors(study)
    free = [factor for factor in study.factors if factor not in parts]
    strata = {tuple(cell[factor] for factor in free) for cell in study.cells()}
    places = [study.factors[factor].index for factor in free]
    for levels in sorted(strata, key=lambda s: [at(x) for at, x in zip(places, s, strict=True)]):
        stratum = dict(zip(free, levels, strict=True))
        shares = list(_shares(study, parts, stratum))
        if any(share.weights for share in shares):
            yield from shares


def _shares(study: Study, parts: tuple[str, ...], stratum: Levels) -> Iterator[Share]:
    """The shares of all parts in one stratum."""

    def share(method: str, factor: str, *terms: tuple[float, tuple[str, ...]]) -> Share:
        """The weighted sum of cells, each with some parts at baseline and the others bare."""
        place, weights = place_label(stratum), Weights()
        for weight, on in terms:
            levels = {f: study.baseline[f] if f in on else study.bare[f] for f in parts} | stratum
            label = cell_label(study, levels)
            if not study.allows(levels):
                return Share(place, method, factor, {}, f"there is no variant {label}")
            weights[label] = weights.get(label, 0.0) + weight
        return Share(place, method, factor, weights)

    for factor in parts:
        others = tuple(part for part in parts if part != factor)
        yield share("add-one-in", factor, (1, (factor,)), (-1, ()))
        yield share("leave-one-out", factor, (1, (*others, factor)), (-1, others))
        orders, terms = factorial(len(parts)), list[tuple[float, tuple[str, ...]]]()
        for size in range(len(parts)):
            part = factorial(size) * factorial(len(others) - size) / orders
            for subset in combinations(others, size):  # what adding the factor to it does
                terms += [(part, (*subset, factor)), (-part, subset)]
        yield share("shapley", factor, *terms)
    if parts:
        yield share("total", "", (1, parts), (-1, ()))
