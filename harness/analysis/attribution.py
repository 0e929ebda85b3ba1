"""From bare to baseline: how much of the way is each part's doing."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from math import factorial

from harness.analysis.grid import Weights, combinations_of, combine, place_label
from harness.plan import variant_label
from harness.study import Levels, Study


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


def players(study: Study) -> tuple[str, ...]:
    """The factors to attribute to: those whose bare level is not their baseline level."""
    return tuple(f for f in study.factors if f in study.bare and study.bare[f] != study.baseline[f])


def attribution(study: Study) -> Iterator[Share]:
    """All shares of all parts in every stratum."""
    parts = players(study)
    for stratum in combinations_of(study, (f for f in study.factors if f not in parts)):
        for factor in parts:
            for method, weights in _shares(study, stratum, factor, parts):
                yield Share(place_label(stratum), method, factor, weights)
        if parts:
            total = combine((1, _with(study, stratum, parts)), (-1, _with(study, stratum, ())))
            yield Share(place_label(stratum), "total", "", total)


def _with(study: Study, stratum: Levels, on: tuple[str, ...]) -> Weights:
    """The cell of a stratum in which these parts are at baseline, the others bare."""
    levels = {f: study.baseline[f] if f in on else study.bare[f] for f in players(study)}
    cell = {**levels, **stratum}
    return {variant_label({f: cell[f] for f in study.factors}): 1.0}


def _shares(
    study: Study, stratum: Levels, factor: str, parts: tuple[str, ...]
) -> Iterator[tuple[str, Weights]]:
    others = tuple(part for part in parts if part != factor)

    def adding(to: tuple[str, ...]) -> Weights:
        """What adding the factor to these parts does."""
        return combine((1, _with(study, stratum, (*to, factor))), (-1, _with(study, stratum, to)))

    yield "add-one-in", adding(())
    yield "leave-one-out", adding(others)
    orders = factorial(len(parts))
    subsets = [subset for size in range(len(parts)) for subset in combinations(others, size)]
    yield "shapley", combine(*(
        (factorial(len(s)) * factorial(len(others) - len(s)) / orders, adding(s)) for s in subsets
    ))  # fmt: skip
