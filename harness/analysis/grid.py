"""One response of a whole study as a grid, variants × seeds, with divergence treated as decided.

Final losses are capped at ln(vocabulary) in every run, which anyone reaches by predicting
uniformly; a diverged run counts as that. Every other response of a diverged run is its last finite
record, which no contrast may use; what is measured at initialisation is unaffected.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import log

import numpy as np
import pandas as pd

from harness.analysis.frames import StudyData
from harness.analysis.intervals import Array
from harness.plan import variant_label
from harness.study import Level, Levels, Study, format_level

CAPPED = ("final/dev_loss", "final/train_loss", "final/test_loss")
Weights = dict[str, float]  # of variants, by name


@dataclass(frozen=True)
class Grid:
    """A response of every variant and seed.

    Attributes:
        response: its name.
        values: variants × seeds in the study's order; NaN where there is none, or none to be used.
        ranks: the same as ranks within each seed (1 is the lowest; diverged runs share the
            highest): the sensitivity analysis. None unless the response is capped.
        diverged: variants × seeds, True where the run diverged.
    """

    response: str
    values: pd.DataFrame
    ranks: pd.DataFrame | None
    diverged: pd.DataFrame


@dataclass(frozen=True)
class Contrast:
    """A weighted sum of cells within each seed.

    Attributes:
        seeds: the seeds that have every run it needs.
        values: one number each of these seeds (n,).
        runs: how many runs it needs of all seeds.
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


def cap(data: StudyData) -> float:
    """The loss of predicting uniformly, nats; NaN where the vocabulary is not known."""
    return log(float(data.facts["vocabulary"])) if "vocabulary" in data.facts else float("nan")


def grid(data: StudyData, response: str) -> Grid:
    """The response of the study's variants and seeds; runs outside its plan are left out."""
    runs = data.runs[data.runs["outcome"].isin(["finished", "diverged"])]
    runs = runs.drop_duplicates(["variant", "seed"])
    values = _wide(data.study, runs, runs[response])
    diverged = _wide(data.study, runs, (runs["outcome"] == "diverged").astype("float64")) == 1
    if response in CAPPED:
        ranks = values.mask(diverged, np.inf).rank()
        return Grid(
            response, values.mask(diverged, cap(data)).clip(upper=cap(data)), ranks, diverged
        )
    if not response.startswith("init/"):
        values = values.mask(diverged)
    return Grid(response, values, None, diverged)


def _wide(study: Study, runs: pd.DataFrame, values: pd.Series) -> pd.DataFrame:
    table = runs[["variant", "seed"]].assign(value=values)
    wide = table.pivot(index="variant", columns="seed", values="value")
    variants = [variant_label(cell) for cell in study.cells()]
    return wide.reindex(index=variants, columns=list(study.seeds)).astype("float64")


def contrast(measured: Grid, weights: Weights) -> Contrast:
    """The seed-wise contrast c_i = Σ_x w_x · y_i(x), of the seeds that have every run needed."""
    return _contrast(measured, measured.values, weights)


def rank_contrast(measured: Grid, weights: Weights) -> Contrast | None:
    """The same contrast of the ranks within each seed; None unless the response is capped."""
    return None if measured.ranks is None else _contrast(measured, measured.ranks, weights)


def _contrast(measured: Grid, table: pd.DataFrame, weights: Weights) -> Contrast:
    used = [variant for variant, weight in weights.items() if weight != 0]
    cells = table.loc[used]
    absent = cells.isna()
    complete = ~absent.any()
    values = np.array([weights[variant] for variant in used]) @ cells.loc[:, complete].to_numpy()
    diverged = int((absent & measured.diverged.loc[used]).to_numpy().sum())
    missing = int(absent.to_numpy().sum()) - diverged
    seeds = tuple(int(seed) for seed in cells.columns[complete])
    return Contrast(seeds, values, cells.size, diverged, missing)


def matching(study: Study, where: Mapping[str, Level | tuple[Level, ...]]) -> list[Levels]:
    """The cells whose level of each named factor is the one named, or one of those."""
    allowed = {f: level if isinstance(level, tuple) else (level,) for f, level in where.items()}
    return [cell for cell in study.cells() if all(cell[f] in allowed[f] for f in allowed)]


def mean_of(study: Study, where: Mapping[str, Level | tuple[Level, ...]]) -> Weights:
    """Weights of the mean over the cells that match."""
    cells = matching(study, where)
    return {variant_label(cell): 1 / len(cells) for cell in cells}


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


def place_label(levels: Mapping[str, Level | tuple[Level, ...]]) -> str:
    """Some levels in words, each with its factor: "norm batch, depth 5 or 10"."""
    several = {f: level if isinstance(level, tuple) else (level,) for f, level in levels.items()}
    return ", ".join(f"{f} {' or '.join(map(format_level, several[f]))}" for f in several)
