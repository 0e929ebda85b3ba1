"""The contrasts a factorial grid is asked for: main and simple effects, interactions, slopes."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import combinations
from math import fsum

from harness.analysis.grid import Weights, combinations_of, combine, mean_of, place_label
from harness.analysis.intervals import mean
from harness.study.levels import Level, Levels, format_level
from harness.study.study import Study

AVERAGED = "averaged over the rest"
DOUBLING_RATIO = 4  # positive levels whose largest and smallest have it are compared by doubling


@dataclass(frozen=True)
class Effect:
    """A contrast with its name: one row of the table of effects.

    Attributes:
        kind: "main", "simple" (one combination of all other factors), "within" (one level of one
            other factor, averaged over the rest), "interaction", or "slope".
        factor: whose levels are compared.
        level, versus: level minus versus; a slope has "per doubling" or "per unit", and "".
        by, by_level, by_versus: the other factor of an interaction and its two levels, else "".
        where: the cells meant, in words.
        weights: of the variants.
    """

    kind: str
    factor: str
    level: str
    versus: str
    where: str
    weights: Weights
    by: str = ""
    by_level: str = ""
    by_versus: str = ""

    @property
    def id(self) -> str:
        """A name of its own: "main norm batch−none"."""
        pair = f"{self.level}−{self.versus}" if self.versus else self.level
        other = f"{self.by} {self.by_level}−{self.by_versus}" if self.by else ""
        place = "" if self.where == AVERAGED else f"[{self.where}]"
        return " ".join(part for part in (self.kind, self.factor, pair, other, place) if part)


def effects(study: Study, kinds: tuple[str, ...] = ()) -> list[Effect]:
    """The study's effects of these kinds; of all kinds where none is named."""
    found = [*_differences(study), *_interactions(study), *_slopes(study)]
    return [effect for effect in found if not kinds or effect.kind in kinds]


def simple_effects(study: Study, main: Effect) -> list[Effect]:
    """The same comparison within each combination of all other factors' levels."""
    named = (main.factor, main.level, main.versus)
    simple = (effect for effect in _differences(study) if effect.kind == "simple")
    return [effect for effect in simple if (effect.factor, effect.level, effect.versus) == named]


def difference(study: Study, factor: str, level: Level, versus: Level, where: Levels) -> Weights:
    """Level minus versus, averaged over the cells that match."""
    high, low = mean_of(study, {**where, factor: level}), mean_of(study, {**where, factor: versus})
    return combine((1, high), (-1, low))


def interaction(
    study: Study,
    factor: str,
    pair: tuple[Level, Level],
    by: str,
    at: tuple[Level, Level],
    where: Levels,
) -> Weights:
    """The pair's difference at one level of another factor, minus that at its other level."""
    first = difference(study, factor, *pair, {**where, by: at[0]})
    second = difference(study, factor, *pair, {**where, by: at[1]})
    return combine((1, first), (-1, second))


def pairs(study: Study, factor: str) -> list[tuple[Level, Level]]:
    """Each other level of a factor with its baseline level: what leaving the baseline does."""
    base = study.baseline[factor]
    return [(level, base) for level in study.factors[factor] if level != base]


def _differences(study: Study) -> Iterator[Effect]:
    for factor in study.factors:
        others = [other for other in study.factors if other != factor]
        places: list[tuple[str, Levels]] = [("main", {})]
        if len(others) > 1:
            places += [("within", {o: level}) for o in others for level in study.factors[o]]
        if others:
            places += [("simple", where) for where in combinations_of(study, others)]
        for pair in pairs(study, factor):
            for kind, where in places:
                level, versus = map(format_level, pair)
                weights = difference(study, factor, *pair, where)
                yield Effect(kind, factor, level, versus, place_label(where) or AVERAGED, weights)


def _interactions(study: Study) -> Iterator[Effect]:
    for factor, other in combinations(study.factors, 2):
        for pair in pairs(study, factor):
            for at in pairs(study, other):
                weights = interaction(study, factor, pair, other, at, {})
                (level, versus), by = map(format_level, pair), map(format_level, at)
                yield Effect("interaction", factor, level, versus, AVERAGED, weights, other, *by)


def _slopes(study: Study) -> Iterator[Effect]:
    for factor, levels in study.factors.items():
        scale = scores(levels)
        if scale is None:
            continue
        unit, x = scale
        others = [other for other in study.factors if other != factor]
        places: list[Levels] = [{}, *({o: level} for o in others for level in study.factors[o])]
        for where in places:
            terms = [(score, mean_of(study, {**where, factor: level}))
                     for score, level in zip(x, levels, strict=True)]  # fmt: skip
            yield Effect("slope", factor, unit, "", place_label(where) or AVERAGED, combine(*terms))


def scores(levels: tuple[Level, ...]) -> tuple[str, tuple[float, ...]] | None:
    """Weights of three or more numeric levels whose weighted sum is the least-squares slope.

    Returns:
        The slope's unit ("per doubling" where the levels are positive and span a ratio of
        `DOUBLING_RATIO` or more, else "per unit") and the weights; None where the levels have no
        order.
    """
    numbers = [float(x) for x in levels if isinstance(x, int | float) and not isinstance(x, bool)]
    if len(numbers) < len(levels) or len(levels) < 3:
        return None
    doubling = min(numbers) > 0 and max(numbers) / min(numbers) >= DOUBLING_RATIO
    x = [float(Decimal(n).ln() / Decimal(2).ln()) for n in numbers] if doubling else numbers
    centred = [one - mean(x) for one in x]
    square = fsum(one * one for one in centred)
    return "per doubling" if doubling else "per unit", tuple(one / square for one in centred)
