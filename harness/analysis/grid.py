"""One response of a whole study as a grid, variants × seeds, and contrasts over the grid.

A response with a cap is cut to it in every run, and a diverged run counts as the cap. Every other
response of a diverged run is its last finite record, which no contrast may use; what is measured at
initialisation is unaffected.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum, prod
from typing import TypeAlias

import numpy as np
import pandas as pd

from harness.analysis.frames import StudyData, cap_of
from harness.analysis.intervals import ROUNDING, Array
from harness.analysis.tuning import jackknifed_table
from harness.study.levels import Levels, Where, levels_in
from harness.study.plan import variant_label
from harness.study.study import Study

AT_BASELINE = "the baseline only"  # the places that a comparison is averaged over
Weights: TypeAlias = dict[str, float]  # of variants, by name
Terms: TypeAlias = Sequence[tuple[float, Levels]]  # levels that are compared, with their weights


@dataclass(frozen=True)
class Grid:
    """A response of every variant and seed.

    Attributes:
        response: its name.
        values: variants × seeds in the study's order; NaN where there is none, or none to be used.
        ranks: these values as ranks within each seed (1 is the lowest; equal ones, such as those at
            the cap, share their average): the sensitivity analysis. None unless it is capped.
        diverged: variants × seeds, True where the run diverged.
        unneeded: variants × seeds, True where none is needed and none is there; None if all are.
        jackknifed: what contrasts use in place of `values` in a study that tunes fields; its means
            are the same (`harness.analysis.tuning`). None elsewhere.
    """

    response: str
    values: pd.DataFrame
    ranks: pd.DataFrame | None
    diverged: pd.DataFrame
    unneeded: pd.DataFrame | None = None
    jackknifed: pd.DataFrame | None = None

    def of_seeds(self, seeds: tuple[int, ...]) -> "Grid":
        """The same of some of the seeds only."""
        chosen = list(seeds)
        ranks = None if self.ranks is None else self.ranks[chosen]
        unneeded = None if self.unneeded is None else self.unneeded[chosen]
        jackknifed = None if self.jackknifed is None else self.jackknifed[chosen]
        diverged = self.diverged[chosen]
        return Grid(self.response, self.values[chosen], ranks, diverged, unneeded, jackknifed)


@dataclass(frozen=True)
class Contrast:
    """A weighted sum of cells within each seed.

    Attributes:
        seeds: the seeds that have every run it needs.
        values: one number each of these seeds (n,).
        runs: how many runs it needs of all seeds, those left out that no look of the study needs.
        diverged, missing: how many of them cannot be used because they diverged, or because they
            are not there or have no such response.
        untuned: how many others cannot, since runs that choose their tuned level are among those.
    """

    seeds: tuple[int, ...]
    values: Array
    runs: int
    diverged: int
    missing: int
    untuned: int = 0

    @property
    def reason(self) -> str:
        """Why not every run can be used, in words; "" if all can."""
        parts = [f"{self.diverged} diverged"] if self.diverged else []
        parts += [f"{self.missing} missing or without this response"] if self.missing else []
        parts += [f"{self.untuned} tuned by runs that diverged or are missing"] * bool(self.untuned)
        return f"of {self.runs} runs, {' and '.join(parts)}" if parts else ""


def grid(data: StudyData, response: str) -> Grid:
    """The response of the study's variants and seeds; runs outside its plan are left out."""
    described = data.study.response(response)
    runs = data.ended.drop_duplicates(["variant", "seed"])
    variants = [variant_label(cell) for cell in data.study.cells()]

    def wide(values: pd.Series) -> pd.DataFrame:
        table = runs[["variant", "seed"]].assign(value=values)
        table = table.pivot(index="variant", columns="seed", values="value")
        return table.reindex(index=variants, columns=list(data.study.seeds)).astype("float64")

    values, ranks = wide(runs[response]), None
    diverged = wide((runs["outcome"] == "diverged").astype("float64")) == 1
    if described.cap:
        most = cap_of(described, data.facts)
        values = values.mask(diverged, most).clip(upper=most)
        ranks = values.rank()
    elif not described.at_init:
        values = values.mask(diverged)
    jackknifed = jackknifed_table(data, response) if data.study.tuned else None
    return Grid(response, values, ranks, diverged, jackknifed=jackknifed)


def contrast(measured: Grid, weights: Weights, *, ranked: bool = False) -> Contrast:
    """The seed-wise contrast c_i = Σ_x w_x · y_i(x), of the seeds that have every run needed.

    Args:
        measured: y.
        weights: w.
        ranked: whether y are the ranks within each seed; the response is capped then.
    """
    table = measured.values if measured.jackknifed is None else measured.jackknifed
    if ranked and measured.ranks is not None:
        table = measured.ranks
    used = [variant for variant, weight in weights.items() if weight != 0]
    if not used:
        return Contrast((), np.empty(0), 0, 0, 0)
    cells = table.loc[used]
    absent = cells.isna()
    own = measured.values.loc[used].isna()  # whatever the runs are that it is tuned by
    complete = ~absent.any()
    factors = np.array([weights[variant] for variant in used])
    terms = factors[:, None] * cells.loc[:, complete].to_numpy()  # cells × seeds
    values = np.array([_sum(seed) for seed in terms.T.tolist()], np.float64)
    diverged = int((own & measured.diverged.loc[used]).to_numpy().sum())
    unneeded = 0 if measured.unneeded is None else int(measured.unneeded.loc[used].to_numpy().sum())
    missing = int(own.to_numpy().sum()) - diverged - unneeded
    untuned = int((absent & ~own).to_numpy().sum())
    seeds = tuple(int(seed) for seed in cells.columns[complete])
    return Contrast(seeds, values, cells.size - unneeded, diverged, missing, untuned)


def _sum(terms: list[float]) -> float:
    """The sum, exactly 0 where the terms cancel but for their rounding, as those of equal runs."""
    total = fsum(terms)
    return total if abs(total) > ROUNDING * fsum(map(abs, terms)) else 0.0


def cell_label(study: Study, cell: Levels) -> str:
    """The name of the variant with these levels, its factors in the study's order."""
    return variant_label({name: cell[name] for name in study.factors})


@dataclass(frozen=True)
class Averaged:
    """A comparison of levels, averaged over the places that have the variant of every level.

    Attributes:
        weights: of the variants; none if there is no such place: it cannot be estimated.
        over: how many places these are, if not all: "6 of 12 combinations"; `AT_BASELINE` where a
            design has no other place.
        places: their number.
    """

    weights: Weights
    over: str
    places: int


def averaged(study: Study, terms: Terms, where: Where) -> Averaged:
    """A comparison of levels, averaged over the places meant.

    Args:
        study: whose variants are compared.
        terms: the levels of the factors compared, the same factors in each.
        where: which levels of the other factors are meant.
    """
    places = study.places([part for _, part in terms], where)
    meant = {
        factor: levels for factor, levels in study.factors.items() if factor not in terms[0][1]
    }
    whole = prod(map(len, (meant | levels_in(where)).values()))
    over = "" if len(places) == whole else f"{len(places)} of {whole} combinations"
    if over and len(places) == 1 and study.design == "one_at_a_time":
        over = AT_BASELINE
    return Averaged(mean_of(study, terms, places), over, len(places))


def mean_of(study: Study, terms: Terms, places: Sequence[Levels]) -> Weights:
    """Weights of the mean over some places, each of which has every variant needed."""
    share = 1 / max(1, len(places))
    return combine(*(
        (weight * share, {cell_label(study, place | part): 1.0})
        for place in places for weight, part in terms
    ))  # fmt: skip


def mean_over(variants: list[str]) -> Weights:
    """Weights of the mean over some variants."""
    return {variant: 1 / len(variants) for variant in variants}


def combine(*terms: tuple[float, Weights]) -> Weights:
    """The weighted sum of contrasts, again a contrast."""
    total: Weights = {}
    for factor, weights in terms:
        for variant, weight in weights.items():
            total[variant] = total.get(variant, 0.0) + factor * weight
    return total
