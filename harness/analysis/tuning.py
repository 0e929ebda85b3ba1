"""Each variant at its best level of the tuned fields, chosen for every seed by the other seeds.

For seed i the level of a variant is the one with the best mean over the *other* seeds of the
response that decides; the variant's run of seed i is the one at that level, for every response. So
no run takes part in choosing itself, and there is no winner's curse: what the mean over seeds
estimates, without bias, is the response that one gets after tuning on n − 1 seeds.

These n responses are not independent, since each takes part in choosing the others' levels: where
levels are nearly equal, their spread is too small (a 95 % interval covers in 75 to 90 % of cases).
So contrasts use `jackknifed` values in their place: the same mean, with the spread that the whole
procedure, choosing included, has when one seed is left out (Tukey 1958). Where every seed chooses
the same level, whichever is left out, these are the responses themselves.

Runs are named by the variant and the tuned level together in the store; here `trained` are all of
them, and `runs` the one of each variant and seed that is judged.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from math import fsum, inf, isinf, isnan

import numpy as np
import pandas as pd

from harness.analysis.frames import ENDED, StudyData, cap_of
from harness.analysis.intervals import Array, mean, mean_intervals
from harness.study.levels import Level, Levels, format_level
from harness.study.plan import variant_label
from harness.study.study import Study
from harness.subjects.subject import Facts

FEW = 3  # variants named in a sentence
CURVE_COLUMNS = ("variant", "level", "mean", "low", "high", "n")
TAKEN_COLUMNS = ("variant", "level", "seeds", "n", "edge")


def judged(study: Study, runs: pd.DataFrame, facts: Facts) -> pd.DataFrame:
    """The runs that variants are judged by, one a seed, named by their variant.

    Args:
        study: the study.
        runs: all that were trained; those outside the study's plan are kept as they are.
        facts: about the data, for the cap.

    Returns:
        Columns as in `runs`. Where the other seeds do not have every level, or there is no other
        seed, the baseline's level is taken.
    """
    kept = []
    for variant, group in by_variant(study, runs):
        table, default = responses(study, group, facts), at_baseline(study)
        for i, seed in enumerate(table.columns):
            level = best_of_others(study, table, i) or default
            kept.append(group[(group["seed"] == seed) & (group["level"] == level)]
                        .assign(variant=variant).drop(columns="level"))  # fmt: skip
    planned = runs["variant"].isin([variant_label(cell) for cell in study.trained()])
    return pd.concat([*kept, runs[~planned]], ignore_index=True)


def jackknifed(deciding: Array, values: Array, sign: int) -> Array:
    """One number a seed, whose mean and standard error are those of a response after tuning.

    Args:
        deciding: the response that chooses, tuned levels × seeds, at least three seeds.
        values: the response that is asked for, likewise.
        sign: 1 if the lower of the deciding response is better, −1 if the higher.

    Returns:
        θ − (n − 1) (θ without this seed − the mean of these), for θ the mean response at the levels
        that the other seeds choose (n,); NaN where a value is missing.
    """
    n = values.shape[1]
    if np.isnan(deciding).any():
        return np.full(n, np.nan)

    def tuned(kept: list[int]) -> float:
        return mean([values[best(deciding[:, [j for j in kept if j != i]], sign), i]
                     for i in kept])  # fmt: skip

    seeds = list(range(n))
    whole, without = tuned(seeds), [tuned(seeds[:i] + seeds[i + 1 :]) for i in seeds]
    centre = mean(without)
    return np.array([whole - (n - 1) * (one - centre) for one in without])


def sign_of(study: Study) -> int:
    """1 if the lower of the response that decides is better, −1 if the higher."""
    return -1 if study.response(study.selected_by).direction == "higher" else 1


def best(deciding: Array, sign: int) -> int:
    """The level with the best mean; the first of equals."""
    means = [sign * _mean(row) for row in deciding]
    return means.index(min(means))


def jackknifed_table(data: StudyData, response: str) -> pd.DataFrame:
    """The `jackknifed` values of a response, variants × seeds; NaN where runs are missing."""
    study, facts = data.study, data.facts
    sign = sign_of(study)
    rows = {
        variant: jackknifed(responses(study, group, facts).to_numpy(),
                            responses(study, group, facts, response).to_numpy(), sign)
        for variant, group in by_variant(study, data.trained)
    }  # fmt: skip
    table = pd.DataFrame.from_dict(rows, orient="index", columns=list(study.seeds), dtype="float64")
    return table.reindex([variant_label(cell) for cell in study.cells()])


def untuned(data: StudyData) -> StudyData:
    """The same study with every variant at the baseline's level of the tuned fields."""
    study = data.study
    at = {variant_label({**cell, **{f: study.baseline[f] for f in study.tuned}}):
          variant_label(cell) for cell in study.cells()}  # fmt: skip
    trained = data.trained[data.trained["variant"].isin(list(at))]
    runs = trained.assign(variant=trained["variant"].map(at)).reset_index(drop=True)
    fixed = study.fixed | {field: study.baseline[field] for field in study.tuned}
    alike = study.model_copy(update={"tuned": {}, "fixed": fixed, "baseline": study.reference})
    return replace(data, study=alike, runs=runs, trained=runs)


def variant_and_level(study: Study, cell: Levels) -> tuple[str, str]:
    """The variant and the tuned level of a combination that is trained, in words."""
    variant = variant_label({factor: cell[factor] for factor in study.factors})
    return variant, level_label({field: cell[field] for field in study.tuned})


def level_label(levels: Levels) -> str:
    """Tuned levels in words: "lr 0.1, momentum 0.9"."""
    return ", ".join(f"{field} {format_level(level)}" for field, level in levels.items())


def at_baseline(study: Study) -> str:
    """The baseline's tuned levels in words."""
    return level_label({field: study.baseline[field] for field in study.tuned})


def by_variant(study: Study, trained: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """The complete runs of each variant, the oldest of each level and seed, with their level.

    Args:
        study: the study; runs outside its plan are left out.
        trained: runs named by variant and tuned level together.
    """
    parts = {variant_label(cell): variant_and_level(study, cell) for cell in study.trained()}
    runs = trained[trained["outcome"].isin(ENDED) & trained["variant"].isin(list(parts))]
    runs = runs.drop_duplicates(["variant", "seed"])
    named = runs.assign(
        variant=[parts[label][0] for label in runs["variant"]],
        level=[parts[label][1] for label in runs["variant"]],
    )
    return [(str(name), group) for name, group in named.groupby("variant", sort=False)]


def responses(
    study: Study, group: pd.DataFrame, facts: Facts, name: str | None = None
) -> pd.DataFrame:
    """A response of one variant's runs, tuned levels × seeds, in the study's order.

    It is cut to its cap. Of a diverged run it is the cap; without a cap it is infinitely bad where
    it decides, and cannot be used elsewhere, unless it is measured at initialisation.

    Args:
        study: the study.
        group: the variant's runs with their level.
        facts: about the data, for the cap.
        name: of the response; default: the one that decides.
    """
    described = study.response(name or study.selected_by)
    cap = cap_of(described, facts)
    worst = np.nan if name else -inf if described.direction == "higher" else inf
    values = group[described.name]
    if not described.at_init:
        values = values.where(group["outcome"] != "diverged", worst if isnan(cap) else cap)
    values = values if isnan(cap) else values.clip(upper=cap)
    table = group.assign(value=values).pivot(index="level", columns="seed", values="value")
    return table.reindex(index=levels_in_order(study), columns=list(study.seeds)).astype("float64")


def best_of_others(study: Study, table: pd.DataFrame, i: int) -> str | None:
    """The level with the best mean over all seeds but the i-th; None where they lack some run."""
    others = np.delete(table.to_numpy(), i, axis=1)
    if others.shape[1] == 0 or np.isnan(others).any():
        return None
    return str(table.index[best(others, sign_of(study))])


def _mean(values: Array) -> float:
    """The mean; infinite if a value is."""
    infinite = [value for value in values if isinf(value)]
    return infinite[0] if infinite else fsum(values) / len(values)


def curves_table(data: StudyData) -> pd.DataFrame:
    """The deciding response of each variant at each tuned level: mean over seeds and interval."""
    study, rows = data.study, []
    for variant, group in by_variant(study, data.trained):
        table = responses(study, group, data.facts)
        rows += [(variant, level, value) for level in table.index
                 for value in table.loc[level].dropna() if not isinf(value)]  # fmt: skip
    long = pd.DataFrame(rows, columns=["variant", "level", "value"])
    found = mean_intervals(long, ["variant", "level"])
    order = {name: i for i, name in enumerate(levels_in_order(study))}
    places = {variant_label(cell): i for i, cell in enumerate(study.cells())}
    key = found["variant"].map(places) * len(order) + found["level"].map(order)
    ordered = found.assign(key=key).sort_values("key", ignore_index=True)
    return ordered[list(CURVE_COLUMNS)]


def taken_table(data: StudyData) -> pd.DataFrame:
    """Which tuned levels each variant took, and how often.

    Returns:
        TAKEN_COLUMNS: one row for each level that some seed's run was taken at; `seeds` of `n` took
        it. `edge` names the level to add where the level most often taken is the first or last one
        of a tuned field, "" elsewhere.
    """
    study, rows = data.study, []
    cells = {variant_and_level(study, cell)[1]: cell for cell in study.trained()}
    for variant, group in by_variant(study, data.trained):
        table = responses(study, group, data.facts)
        names = [best_of_others(study, table, i) for i in range(table.shape[1])]
        counts = Counter(name for name in names if name)
        for rank, (level, count) in enumerate(counts.most_common()):
            edge = beyond(study, cells[level]) if rank == 0 else ""
            rows.append((variant, level, count, len(names), edge))
    return pd.DataFrame(rows, columns=list(TAKEN_COLUMNS))


def about_tuning(data: StudyData) -> Iterator[str]:
    """What a reader must know of how levels were chosen, in sentences."""
    study = data.study
    if not study.tuned:
        return
    fields = " and ".join(study.tuned)
    yield (
        f"Each variant is judged at its best {fields}, chosen for every seed by the mean"
        f" {study.response(study.selected_by).label} over the other seeds; the estimate is for"
        f" tuning on {len(study.seeds) - 1} seeds."
    )
    edges = taken_table(data).query("edge != ''")
    if len(edges):
        named = "; ".join(f"{row['variant']} (add {row['edge']})"
                          for _, row in edges.head(FEW).iterrows())  # fmt: skip
        more = f"; and {len(edges) - FEW} more" if len(edges) > FEW else ""
        yield f"The best level is the last one tried; a better one may lie beyond: {named}{more}."


def beyond(study: Study, cell: Levels) -> str:
    """The levels to add where a cell lies at an end of a tuned field's numbers; "" elsewhere."""
    found = []
    for field, levels in study.tuned.items():
        if (end := next_level(levels, cell[field])) is not None:
            found.append(f"{field} {format_level(end)}")
    return ", ".join(found)


def next_level(levels: tuple[Level, ...], best: Level) -> Level | None:
    """The number to try next, if the best of some numbers is the largest or smallest of them.

    As far again as the last step: by ratio where all are positive, else by difference.

    >>> next_level((0.03, 0.1, 0.3), 0.3), next_level((0.03, 0.1, 0.3), 0.1)
    (0.9, None)
    """
    numbers = sorted(float(x) for x in levels if isinstance(x, int | float) and x is not True)
    if len(numbers) < max(2, len(levels)) or best not in (numbers[0], numbers[-1]):
        return None
    end, before = (numbers[0], numbers[1]) if best == numbers[0] else (numbers[-1], numbers[-2])
    number = end * (end / before) if numbers[0] > 0 else end + (end - before)
    number = float(f"{number:.2g}")
    return int(number) if isinstance(best, int) and number == int(number) else number


def levels_in_order(study: Study) -> list[str]:
    """All combinations of tuned levels in words, in the study's order."""
    return list(dict.fromkeys(variant_and_level(study, cell)[1] for cell in study.trained()))
