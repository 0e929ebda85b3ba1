"""Tables of effects: each contrast with its estimate, its interval and what to be careful about.

They are exploratory: intervals, no stars. What is tested is in the table of claims.

An interval rests on the seed-wise contrasts alone. Pooling the spread of the single cells
(Satterthwaite) would make those of main effects narrower, but it takes cells that are independent
within a seed, and cells that share their minibatches are not.
"""

from dataclasses import asdict
from typing import Any

import pandas as pd

from harness.analysis.attribution import Share, attribution
from harness.analysis.contrasts import Effect, effects, simple_effects
from harness.analysis.frames import StudyData
from harness.analysis.grid import Contrast, Grid, Weights, contrast
from harness.analysis.intervals import LEVEL, NO_ESTIMATE, Estimate, estimate
from harness.analysis.stages import needed_grid
from harness.study.study import Study
from harness.subjects.subject import Response

NUMBERS = ("estimate", "se", "low", "high", "n", "p_flip")
RANKS = ("rank_estimate", "rank_low", "rank_high")
EFFECT_COLUMNS = (
    "id", "response", "kind", "factor", "level", "versus", "by", "by_level", "by_versus", "where",
    "over", *NUMBERS, *RANKS, "conditional", "note",
)  # fmt: skip
SHARE_COLUMNS = ("response", "stratum", "method", "factor", *NUMBERS, "note")
NOT_ESTIMABLE = "NOT ESTIMABLE"  # from a partial grid: no data would do
SEED_COLUMNS = ("id", "response", "seed", "value")


def effects_table(data: StudyData, response: str, kinds: tuple[str, ...] = ()) -> pd.DataFrame:
    """Every effect on a response, with 95 % intervals over seeds.

    Args:
        data: the study's.
        response: its name.
        kinds: the kinds of `harness.analysis.contrasts.Effect` wanted; all if empty.

    Returns:
        EFFECT_COLUMNS. `conditional` says of a main effect whose direction depends on the other
        factors where it is higher and where lower; it is "" for all others. `over` says over how
        many combinations of the other factors it is averaged, if not over all; `note` is NOT
        ESTIMABLE, with the reason, where a partial grid has no place for it. Ranks (of a run within
        its seed, 1 is lowest) are the sensitivity analysis of capped responses, NaN for others.
    """
    measured = needed_grid(data, response)
    rows = [
        {
            **asdict(effect), "id": effect.id, "response": response,
            **_numbers(measured, effect), **ranks(measured, effect.weights),
            "conditional": conditional(data.study, measured, effect),
        }
        for effect in effects(data.study, kinds)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=list(EFFECT_COLUMNS))


def seeds_table(data: StudyData, response: str, kinds: tuple[str, ...] = ()) -> pd.DataFrame:
    """The value of every effect in each seed: the dots beside its interval."""
    measured = needed_grid(data, response)
    rows = [
        (effect.id, response, seed, value)
        for effect in effects(data.study, kinds)
        for used in [contrast(measured, effect.weights)]
        if not used.diverged
        for seed, value in zip(used.seeds, used.values, strict=True)
    ]
    return pd.DataFrame(rows, columns=list(SEED_COLUMNS))


def attribution_table(data: StudyData, response: str) -> pd.DataFrame:
    """How far each part carries from bare to baseline, per stratum and way of counting."""
    measured = needed_grid(data, response)
    rows = [
        asdict(share) | {"response": response} | _numbers(measured, share)
        for share in attribution(data.study)
    ]
    return pd.DataFrame(rows, columns=list(SHARE_COLUMNS))


def _numbers(measured: Grid, of: Effect | Share) -> dict[str, Any]:
    used = contrast(measured, of.weights)
    result = usable(used)
    said = f"{NOT_ESTIMABLE}: {of.lacking}" if of.lacking else note(used, result)
    return {**asdict(result), "note": said}


def usable(used: Contrast, level: float = LEVEL) -> Estimate:
    """The estimate from the seeds that are complete; none where a run it needs diverged.

    Leaving out the seeds that diverged would bias the estimate towards the stable ones.
    """
    return NO_ESTIMATE if used.diverged else estimate(used.values, level)


def note(used: Contrast, result: Estimate) -> str:
    """What a reader of the estimate must know, in words."""
    if used.diverged or result.n == 0:
        return f"NOT TESTABLE: {used.reason}"
    parts = [used.reason] if used.reason else []
    if result.n == 1:
        parts.append("one seed, no interval")
    elif result.se == 0:
        parts.append("no spread between seeds")
    elif result.n < 5:
        parts.append("few seeds, wide interval")
    return "; ".join(parts)


def ranks(measured: Grid, weights: Weights | None) -> dict[str, float]:
    """The contrast of ranks within each seed; NaN without weights, or for a response without."""
    found = NO_ESTIMATE
    if weights is not None and measured.ranks is not None:
        found = usable(contrast(measured, weights, ranked=True))
    return dict(zip(RANKS, (found.estimate, found.low, found.high), strict=True))


def ranks_disagree(row: pd.Series) -> bool:
    """Whether the ranks point the other way than the estimate, with an interval that leaves out 0.

    The size of some differences then outweighs the direction of most.
    """
    estimated: float = row["estimate"]
    return bool(row["rank_high"] < 0 < estimated or estimated < 0 < row["rank_low"])


def conditional(study: Study, measured: Grid, main: Effect) -> str:
    """Where a main effect is higher and where it is lower, in words; "" unless it is both.

    It is both if the interval of one simple effect lies above the response's margin and that of
    another below minus the margin. These intervals are widened (Bonferroni) so that all hold
    together at 95 %: among a dozen simple effects some point the wrong way by chance. Of the places
    on each side, the one with the largest effect is named.
    """
    if main.kind != "main":
        return ""
    response, simple = study.response(measured.response), simple_effects(study, main)
    level = 1 - (1 - LEVEL) / max(1, len(simple))
    found = [(usable(contrast(measured, one.weights), level), one.where) for one in simple]
    above = [(e.estimate, where) for e, where in found if e.low > response.margin]
    below = [(e.estimate, where) for e, where in found if e.high < -response.margin]
    if not (above and below):
        return ""
    higher, lower = (f"{place} ({change(response, by)})" for by, place in (max(above), min(below)))
    return f"higher at {higher}, lower at {lower}"


def change(response: Response, by: float) -> str:
    """A difference in a response with its unit: "+0.12 nats"; of shares in percentage points."""
    size, unit = (100 * by, "pp") if response.unit == "share" else (by, response.unit)
    return f"{size + 0.0:+.3g}".replace("-", "−") + f" {unit}" * bool(unit)
