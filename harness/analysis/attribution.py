"""From bare to baseline: how much of the difference each part accounts for."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from math import factorial

from harness.analysis.grid import Weights, combinations_of, combine, place_label
from harness.study.levels import Levels
from harness.study.plan import variant_label
from harness.study.study import Study


@dataclass(frozen=True)
class Share:
    """One part's share by one way of counting, within a stratum.

    Attributes:
        stratum: levels of the factors that `bare` does not name; "" if it names all.
        method: "add-one-in" (to bare), "leave-one-out" (of baseline), "shapley" (the mean over all
            orders of adding), or "total" (baseline − bare, which the Shapley shares sum to).
        factor: whose share; "" of the total.
        weights: of the variants.
    """

    stratum: str
    method: str
    factor: str
    weights: Weights


def attributed_factors(study: Study) -> tuple[str, ...]:
    """The factors to attribute to: those whose bare level is not their baseline level."""
    return tuple(f for f in study.factors if f in study.bare and study.bare[f] != study.baseline[f])


def attribution(study: Study) -> Iterator[Share]:
    """All shares of all parts in every stratum."""
    parts = attributed_factors(study)
    for stratum in combinations_of(study, (f for f in study.factors if f not in parts)):

        def cell(on: tuple[str, ...], stratum: Levels = stratum) -> Weights:
            """The stratum's cell in which these parts are at baseline, the others bare."""
            levels = {f: study.baseline[f] if f in on else study.bare[f] for f in parts} | stratum
            return {variant_label({f: levels[f] for f in study.factors}): 1.0}

        place = place_label(stratum)
        for factor in parts:
            others = tuple(part for part in parts if part != factor)
            added = {  # what adding the factor to each subset of the others does
                subset: combine((1, cell((*subset, factor))), (-1, cell(subset)))
                for size in range(len(parts)) for subset in combinations(others, size)
            }  # fmt: skip
            yield Share(place, "add-one-in", factor, added[()])
            yield Share(place, "leave-one-out", factor, added[others])
            orders = factorial(len(parts))
            terms = [
                (factorial(len(subset)) * factorial(len(others) - len(subset)) / orders, weights)
                for subset, weights in added.items()
            ]
            yield Share(place, "shapley", factor, combine(*terms))
        if parts:
            yield Share(place, "total", "", combine((1, cell(parts)), (-1, cell(()))))
