"""The contrasts a factorial grid is asked for: main and simple effects, interactions, slopes."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from harness.analysis.grid import Weights, combinations_of, combine, mean_of, place_label
from harness.study import Level, Levels, Study, format_level

AVERAGED = "averaged over the rest"
STEPS_THAT_MAKE_DOUBLINGS = 4  # levels that span at least this ratio are compared by doubling


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


def difference(study: Study, factor: str, level: Level, versus: Level, where: Levels) -> Weights:
    """Level minus versus, averaged over the cells that match."""
    high, low = mean_of(study, {**where, factor: level}), mean_of(study, {**where, factor: versus})
    return combine((1, high), (-1, low))


def pairs(study: Study, factor: str) -> list[tuple[Level, Level]]:
    """Each other level of a factor with its baseline level: what leaving the baseline does."""
    base = study.baseline[factor]
    return [(level, base) for level in study.factors[factor] if level != base]


def effects(study: Study) -> list[Effect]:
    """Every main effect, simple effect, interaction and slope of a study."""
    return [*_differences(study), *_interactions(study), *_slopes(study)]


def main_effects(study: Study) -> list[Effect]:
    """Level − baseline level of each factor, averaged over all other factors."""
    return [effect for effect in _differences(study) if effect.kind == "main"]


def simple_effects(study: Study, main: Effect) -> list[Effect]:
    """The same comparison within each combination of all other factors' levels."""
    named = (main.factor, main.level, main.versus)
    return [e for e in _differences(study)
            if e.kind == "simple" and (e.factor, e.level, e.versus) == named]  # fmt: skip


def _differences(study: Study) -> Iterator[Effect]:
    for factor in study.factors:
        others = [other for other in study.factors if other != factor]
        for level, versus in pairs(study, factor):
            for kind, where in _places(study, others):
                weights = difference(study, factor, level, versus, where)
                place = place_label(where) or AVERAGED
                yield Effect(
                    kind, factor, format_level(level), format_level(versus), place, weights
                )


def _places(study: Study, others: list[str]) -> Iterator[tuple[str, Levels]]:
    """Where an effect is looked at: over everything, within a level, within a combination."""
    yield "main", {}
    if len(others) > 1:
        for other in others:
            yield from (("within", {other: level}) for level in study.factors[other])
    if others:
        yield from (("simple", where) for where in combinations_of(study, others))


def _interactions(study: Study) -> Iterator[Effect]:
    for factor, other in combinations(study.factors, 2):
        for level, versus in pairs(study, factor):
            for by_level, by_versus in pairs(study, other):
                weights = interaction(
                    study, factor, (level, versus), other, (by_level, by_versus), {}
                )
                yield Effect(
                    "interaction", factor, format_level(level), format_level(versus), AVERAGED,
                    weights, other, format_level(by_level), format_level(by_versus),
                )  # fmt: skip


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


def _slopes(study: Study) -> Iterator[Effect]:
    for factor, levels in study.factors.items():
        scale = scores(levels)
        if scale is None:
            continue
        unit, x = scale
        others = [other for other in study.factors if other != factor]
        places: list[Levels] = [{}, *({o: level} for o in others for level in study.factors[o])]
        for where in places:
            terms = [(float(score), mean_of(study, {**where, factor: level}))
                     for score, level in zip(x, levels, strict=True)]  # fmt: skip
            yield Effect("slope", factor, unit, "", place_label(where) or AVERAGED, combine(*terms))


def scores(levels: tuple[Level, ...]) -> tuple[str, tuple[float, ...]] | None:
    """Weights of three or more numeric levels whose weighted sum is the least-squares slope.

    Returns:
        The slope's unit ("per doubling" where the levels are positive and span a ratio of 4 or
        more, else "per unit") and the weights; None where the levels have no order.
    """
    numbers = [float(level) for level in levels
               if not isinstance(level, bool) and isinstance(level, int | float)]  # fmt: skip
    if len(numbers) < len(levels) or len(levels) < 3:
        return None
    doubling = min(numbers) > 0 and max(numbers) / min(numbers) >= STEPS_THAT_MAKE_DOUBLINGS
    x = np.log2(numbers) if doubling else np.array(numbers)
    centred = x - x.mean()
    weights = centred / (centred**2).sum()
    return "per doubling" if doubling else "per unit", tuple(float(w) for w in weights)
