"""The contrasts a factorial grid is asked for: main and simple effects, interactions, slopes."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import combinations
from math import fsum

from harness.analysis.grid import Averaged, Terms, Weights, averaged, mean_of
from harness.analysis.intervals import mean
from harness.study.levels import Level, format_level, place_label
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
        weights: of the variants; none if no place has every variant that is compared.
        over: over how many combinations of the other factors it is averaged, if not over all.
    """

    kind: str
    factor: str
    level: str
    versus: str
    where: str
    weights: Weights
    over: str = ""
    by: str = ""
    by_level: str = ""
    by_versus: str = ""

    @property
    def lacking(self) -> str:
        """Why it cannot be estimated, in words; "" if it can."""
        levels = "these four combinations" if self.by else "every level that is compared"
        return "" if self.weights else f"no combination of the other factors has {levels}"

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


def pairs(study: Study, factor: str) -> list[tuple[Level, Level]]:
    """Each other level of a factor with its baseline level: what leaving the baseline does."""
    base = study.baseline[factor]
    return [(level, base) for level in study.factors[factor] if level != base]


def _differences(study: Study) -> Iterator[Effect]:
    for factor in study.factors:
        others = [other for other in study.factors if other != factor]
        for pair in pairs(study, factor):
            level, versus = map(format_level, pair)
            terms = [(1.0, {factor: pair[0]}), (-1.0, {factor: pair[1]})]
            main = averaged(study, terms, {})
            yield Effect("main", factor, level, versus, AVERAGED, main.weights, main.over)
            if len(others) > 1:
                for where, within in _within(study, terms, others, main):
                    yield Effect(
                        "within", factor, level, versus, where, within.weights, within.over
                    )
            for place in study.places([part for _, part in terms], {}) if main.places > 1 else ():
                weights = mean_of(study, terms, [place])
                yield Effect("simple", factor, level, versus, place_label(place), weights)


def _within(
    study: Study, terms: Terms, others: Iterable[str], main: Averaged
) -> Iterator[tuple[str, Averaged]]:
    """The same at each level of each other factor, unless there are no places or all of them."""
    for other in others:
        for level in study.factors[other]:
            within = averaged(study, terms, {other: level})
            if 0 < within.places < main.places:
                yield place_label({other: level}), within


def _interactions(study: Study) -> Iterator[Effect]:
    for factor, other in combinations(study.factors, 2):
        for pair in pairs(study, factor):
            for at in pairs(study, other):
                terms = [
                    (sign * weight, {factor: level, other: by})
                    for weight, by in zip((1.0, -1.0), at, strict=True)
                    for sign, level in zip((1, -1), pair, strict=True)
                ]
                found = averaged(study, terms, {})
                (level, versus), by = map(format_level, pair), map(format_level, at)
                yield Effect("interaction", factor, level, versus, AVERAGED, found.weights,
                             found.over, other, *by)  # fmt: skip


def _slopes(study: Study) -> Iterator[Effect]:
    for factor, levels in study.factors.items():
        scale = scores(levels)
        if scale is None:
            continue
        unit, x = scale
        others = [other for other in study.factors if other != factor]
        terms = [(score, {factor: level}) for score, level in zip(x, levels, strict=True)]
        whole = averaged(study, terms, {})
        yield Effect("slope", factor, unit, "", AVERAGED, whole.weights, whole.over)
        for where, within in _within(study, terms, others, whole):
            yield Effect("slope", factor, unit, "", where, within.weights, within.over)


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
