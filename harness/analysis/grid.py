"""One response of a whole study as a grid, variants × seeds, and contrasts over the grid.

A response with a cap is cut to it in every run, and a diverged run counts as the cap. Every other
response of a diverged run is its last finite record, which no contrast may use; what is measured at
initialisation is unaffected.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import fsum
from typing import TypeAlias

import numpy as np
import pandas as pd

from harness.analysis.frames import StudyData
from harness.analysis.intervals import NAN, Array
from harness.analysis.tuning import jackknifed_table
from harness.study.levels import Level, Levels, format_level
from harness.study.plan import variant_label
from harness.study.study import Study

Weights: TypeAlias = dict[str, float]  # of variants, by name
Where: TypeAlias = Mapping[str, Level | tuple[Level, ...]]  # a level, or several, of some factors


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
    """

    seeds: tuple[int, ...]
    values: Array
    runs: int
    diverged: int
    missing: int

    @property
    def reason(self) -> str:
        """Why not every run can be used, in words; "" if all can."""
        parts = [f"{self.diverged} diverged"] if self.diverged else []
        parts += [f"{self.missing} missing or without this response"] if self.missing else []
        return f"of {self.runs} runs, {' and '.join(parts)}" if parts else ""


def cap(data: StudyData, response: str) -> float:
    """The value that a response is cut to; NaN where it has no cap, or a fact for it is missing."""
    of = data.study.response(response).cap
    return of(data.facts) if of else NAN


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
        most = cap(data, response)
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
    cells = table.loc[used]
    absent = cells.isna()
    complete = ~absent.any()
    factors = np.array([weights[variant] for variant in used])
    terms = factors[:, None] * cells.loc[:, complete].to_numpy()  # cells × seeds
    values = np.array([fsum(seed) for seed in terms.T], np.float64)
    diverged = int((absent & measured.diverged.loc[used]).to_numpy().sum())
    unneeded = 0 if measured.unneeded is None else int(measured.unneeded.loc[used].to_numpy().sum())
    missing = int(absent.to_numpy().sum()) - diverged - unneeded
    seeds = tuple(int(seed) for seed in cells.columns[complete])
    return Contrast(seeds, values, cells.size - unneeded, diverged, missing)


def levels_in(where: Where) -> dict[str, tuple[Level, ...]]:
    """The levels that are meant of each factor named."""
    return {f: level if isinstance(level, tuple) else (level,) for f, level in where.items()}


def cells_in(cells: Iterable[Levels], where: Where) -> list[Levels]:
    """The cells whose level of each factor named is one of those meant."""
    meant = levels_in(where)
    return [cell for cell in cells if all(cell[f] in levels for f, levels in meant.items())]


def place_label(where: Where) -> str:
    """Some levels in words, each with its factor: "norm batch, depth 5 or 10"."""
    named = levels_in(where).items()
    return ", ".join(f"{f} {' or '.join(map(format_level, levels))}" for f, levels in named)


def mean_of(study: Study, where: Where) -> Weights:
    """Weights of the mean over the cells that match."""
    return mean_over([variant_label(cell) for cell in cells_in(study.cells(), where)])


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


def combinations_of(study: Study, factors: Iterable[str]) -> list[Levels]:
    """All combinations of the levels of some factors, in the study's order; one empty if none."""
    named = set(factors)
    parts = [{f: cell[f] for f in study.factors if f in named} for cell in study.cells()]
    return list({tuple(part.items()): part for part in parts}.values())
