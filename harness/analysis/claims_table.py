"""The claims as a table from which, with runs.csv, a reader can recompute every verdict."""

import json
from typing import Any

import pandas as pd

from harness.analysis.effects import RANKS
from harness.analysis.frames import StudyData
from harness.analysis.grid import CAPPED, Grid, cap, grid, rank_contrast
from harness.analysis.halves import Half
from harness.analysis.intervals import NOTHING, estimate, spread
from harness.analysis.verdicts import Tested, Verdict, one_sided_p
from harness.claims import Claim, Equivalence, Threshold
from harness.seeds import seeds_of, seeds_text
from harness.study import Level, format_level

CLAIM_COLUMNS = (
    "id", "says", "verdict", "kind", "response", "factor", "level", "versus", "by", "at", "where",
    "over", "direction", "margin", "bound", "cap", "cells", "n", "df", "cell", "estimate", "low",
    "high", "interval", "p_for", "p_against", "p", "p_adjusted", "alpha", "seeds_needed", "reason",
    *RANKS, "stamps",
)  # fmt: skip
CELL_COLUMNS = ("id", "cell", "estimate", "se", "n", "p_for", "p_against")


def claims_table(data: StudyData, found: list[Verdict]) -> pd.DataFrame:
    """One row a claim.

    Args:
        data: the study's.
        found: the verdicts on its claims.

    Returns:
        CLAIM_COLUMNS. `where` is JSON, levels as text as in runs.csv; `bound` is what the value
        stays below ("direction" lower, or within of an equivalence) or above; `cap` is what final
        losses were cut to, diverged runs counting as it; `cell` is the least favourable one, whose
        estimate is shown; the interval (of level `interval` = 1 − alpha) is for the worst cell;
        `p_for`, `p_against` are one-sided, of the claim and its negation; ranks are the
        sensitivity analysis of that cell.
    """
    stamped = "; ".join(stamps(data))
    grids = {claim.response: grid(data, claim.response) for claim in data.study.claims}
    rows = [
        {**_statement(data, v.tested.claim), **_outcome(v), "stamps": stamped,
         **_ranks(grids[v.tested.claim.response], v)}
        for v in found
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=list(CLAIM_COLUMNS))


def claim_cells_table(found: list[Verdict]) -> pd.DataFrame:
    """Every claim's contrast in each cell it is about: estimate, standard error, one-sided p."""
    rows = [
        _cell_row(v.tested, half, v.tested.d[:, i])
        for v in found if not v.tested.reason
        for i, half in enumerate(v.tested.halves)
        if not (isinstance(v.tested.claim, Equivalence) and half.sign < 0)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=list(CELL_COLUMNS))


def stamps(data: StudyData) -> list[str]:
    """What a reader must know of how claims and seeds came about."""
    study, facts = data.study, data.facts
    found = []
    digests = {facts.get("claims_digest", ""), *data.runs["claims_digest"]} - {""}
    if study.claims and digests - {study.claims_digest()}:
        found.append("claims changed after the first run")
    first = seeds_of(facts.get("first_seeds", ""))
    later = sorted(set(study.seeds) - set(first))
    if first and later:
        found.append(f"seeds added after the first session: {seeds_text(later)}")
    return found


def levels_text(where: dict[str, Level | tuple[Level, ...]]) -> str:
    """The `where` of a claim as JSON, each level as text as it stands in runs.csv."""
    several = {f: level if isinstance(level, tuple) else (level,) for f, level in where.items()}
    texts = {f: [format_level(level) for level in levels] for f, levels in several.items()}
    return json.dumps(texts, ensure_ascii=False)


def _statement(data: StudyData, claim: Claim) -> dict[str, Any]:
    """The claim itself."""
    named = claim.model_dump()
    if isinstance(claim, Threshold):
        way = "lower" if claim.below is not None else "higher"
    else:
        way = named.get("direction", "within")
    return {
        "id": claim.id, "says": claim.says, "kind": claim.kind, "response": claim.response,
        "over": claim.over, "where": levels_text(claim.where), "direction": way,
        "factor": named.get("factor", ""), "by": named.get("by", ""),
        **{key: format_level(named[key]) if key in named else "" for key in ("level", "versus")},
        "at": json.dumps([format_level(level) for level in named.get("at", ())]),
        "margin": named.get("margin", float("nan")),
        "cap": cap(data) if claim.response in CAPPED else float("nan"),
    }  # fmt: skip


def _outcome(v: Verdict) -> dict[str, Any]:
    """What was found."""
    n = len(v.tested.d)
    return {
        "verdict": v.verdict, "bound": v.bound, "cells": len({h.cell for h in v.tested.halves}),
        "n": n, "df": max(0, n - 1), "cell": v.cell, "estimate": v.estimate, "low": v.low,
        "high": v.high, "interval": 1 - v.alpha, "p_for": v.tested.p_for,
        "p_against": v.tested.p_against, "p": v.tested.p, "p_adjusted": v.p_adjusted,
        "alpha": v.alpha, "seeds_needed": v.seeds_needed,
        "reason": v.tested.reason or _remark(v.tested),
    }  # fmt: skip


def _remark(tested: Tested) -> str:
    alike = any(spread(column) == 0 for column in tested.d.T)
    return "no spread between seeds" if alike else ""


def _ranks(measured: Grid, v: Verdict) -> dict[str, float]:
    """The same contrast of ranks in the least favourable cell; a threshold has none."""
    ranked = None
    if not v.tested.reason and not isinstance(v.tested.claim, Threshold):
        weights = next(half.weights for half in v.tested.halves if half.cell == v.cell)
        ranked = rank_contrast(measured, weights)
    found = NOTHING if ranked is None else estimate(ranked.values)
    return dict(zip(RANKS, (found.estimate, found.low, found.high), strict=True))


def _cell_row(tested: Tested, half: Half, d: Any) -> dict[str, Any]:
    return {
        "id": tested.claim.id, "cell": half.cell,
        "estimate": half.sign * (float(d.mean()) + half.bound), "se": spread(d) / len(d) ** 0.5,
        "n": len(d), "p_for": one_sided_p(d), "p_against": one_sided_p(-d),
    }  # fmt: skip
