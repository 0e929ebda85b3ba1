"""Tables of effects: each contrast with its estimate, its interval and what to be careful about.

They are exploratory: intervals, no stars. What is tested is in the table of claims.
"""

from dataclasses import asdict
from typing import Any

import pandas as pd

from harness.analysis.attribution import attribution
from harness.analysis.contrasts import Effect, effects, simple_effects
from harness.analysis.frames import StudyData
from harness.analysis.grid import Contrast, Grid, Weights, contrast, grid
from harness.analysis.intervals import LEVEL, NO_ESTIMATE, Estimate, estimate
from harness.study.study import Study

NUMBERS = ("estimate", "se", "low", "high", "n", "effect_size", "p_flip")
RANKS = ("rank_estimate", "rank_low", "rank_high")
EFFECT_COLUMNS = (
    "id", "response", "kind", "factor", "level", "versus", "by", "by_level", "by_versus", "where",
    *NUMBERS, *RANKS, "conditional", "note",
)  # fmt: skip
SHARE_COLUMNS = ("response", "stratum", "method", "factor", *NUMBERS, "note")
SEED_COLUMNS = ("id", "response", "seed", "value")


def effects_table(data: StudyData, response: str, kinds: tuple[str, ...] = ()) -> pd.DataFrame:
    """Every effect on a response, with 95 % intervals over seeds.

    Args:
        data: the study's.
        response: its name.
        kinds: the kinds of `harness.analysis.contrasts.Effect` wanted; all if empty.

    Returns:
        EFFECT_COLUMNS. `conditional` is "CONDITIONAL" for a main effect whose simple effects
        change sign beyond noise. Ranks (of a run within its seed, 1 is lowest) are the sensitivity
        analysis of capped responses, NaN for others.
    """
    measured = grid(data, response)
    rows = [
        {
            **asdict(effect), "id": effect.id, "response": response,
            **_numbers(measured, effect.weights), **ranks(measured, effect.weights),
            "conditional": "CONDITIONAL" if changes_sign(data.study, measured, effect) else "",
        }
        for effect in effects(data.study, kinds)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=list(EFFECT_COLUMNS))


def seeds_table(data: StudyData, response: str, kinds: tuple[str, ...] = ()) -> pd.DataFrame:
    """The value of every effect in each seed: the dots beside its interval."""
    measured = grid(data, response)
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
    measured = grid(data, response)
    rows = [
        asdict(share) | {"response": response} | _numbers(measured, share.weights)
        for share in attribution(data.study)
    ]
    return pd.DataFrame(rows, columns=list(SHARE_COLUMNS))


def _numbers(measured: Grid, weights: Weights) -> dict[str, Any]:
    used = contrast(measured, weights)
    result = usable(used)
    return {**asdict(result), "note": note(used, result)}


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
        parts.append("wide by design")
    return "; ".join(parts)


def ranks(measured: Grid, weights: Weights | None) -> dict[str, float]:
    """The contrast of ranks within each seed; NaN without weights, or for a response without."""
    found = NO_ESTIMATE
    if weights is not None and measured.ranks is not None:
        found = estimate(contrast(measured, weights, ranked=True).values)
    return dict(zip(RANKS, (found.estimate, found.low, found.high), strict=True))


def changes_sign(study: Study, measured: Grid, main: Effect) -> bool:
    """Whether a main effect's simple effects change sign beyond noise.

    Beyond noise means that one simple effect's interval lies above zero and another's below it,
    the intervals widened (Bonferroni) so that all hold together at 95 %: among a dozen simple
    effects some point the wrong way by chance.
    """
    if main.kind != "main":
        return False
    simple = simple_effects(study, main)
    level = 1 - (1 - LEVEL) / max(1, len(simple))
    found = [usable(contrast(measured, effect.weights), level) for effect in simple]
    return any(e.low > 0 for e in found) and any(e.high < 0 for e in found)
