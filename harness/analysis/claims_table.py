"""The claims as a table from which, with runs.csv, a reader can recompute every verdict."""

import json
from math import sqrt
from typing import Any

import pandas as pd

from harness.analysis.effects import RANKS, ranks
from harness.analysis.frames import StudyData
from harness.analysis.grid import Grid, cap, grid, levels_in
from harness.analysis.intervals import NAN, mean, spread
from harness.analysis.verdicts import Verdict, one_sided_p
from harness.study.claims import Claim, Equivalence, Threshold
from harness.study.levels import format_level
from harness.study.seeds import seeds_of, seeds_text

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
        stays below ("direction" lower, or within of an equivalence) or above; `cap` is what a
        capped response was cut to, diverged runs counting as it; `cell` is the least favourable
        one, whose estimate is shown; the interval (of level `interval` = 1 − alpha) is for the
        worst cell; `p_for`, `p_against` are one-sided, of the claim and its negation; ranks are
        the sensitivity analysis of that cell.
    """
    stamped = "; ".join(stamps(data))
    grids = {claim.response: grid(data, claim.response) for claim in data.study.claims}
    rows = [
        _statement(v.tested.claim)
        | _outcome(v, grids[v.tested.claim.response])
        | {"cap": cap(data, v.tested.claim.response), "stamps": stamped}
        for v in found
    ]
    return pd.DataFrame(rows, columns=list(CLAIM_COLUMNS))


def claim_cells_table(found: list[Verdict]) -> pd.DataFrame:
    """Every claim's contrast in each cell it is about: estimate, standard error, one-sided p."""
    rows = [
        (
            v.tested.claim.id, half.cell, half.sign * (mean(d) + half.bound),
            spread(d) / sqrt(len(d)), len(d), one_sided_p(d), one_sided_p(-d),
        )
        for v in found if not v.tested.reason
        for half, d in zip(v.tested.halves, v.tested.d.T, strict=True)
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


def _statement(claim: Claim) -> dict[str, Any]:
    """The claim itself."""
    named = claim.model_dump()
    where = {f: [format_level(x) for x in levels] for f, levels in levels_in(claim.where).items()}
    way = named.get("direction", "within")
    if isinstance(claim, Threshold):
        way = "lower" if claim.below is not None else "higher"
    return {
        **{name: named[name] for name in ("id", "says", "kind", "response", "over")},
        "where": json.dumps(where, ensure_ascii=False), "direction": way,
        "factor": named.get("factor", ""), "by": named.get("by", ""),
        **{key: format_level(named[key]) if key in named else "" for key in ("level", "versus")},
        "at": json.dumps([format_level(level) for level in named.get("at", ())]),
        "margin": named.get("margin", NAN),
    }  # fmt: skip


def _outcome(v: Verdict, measured: Grid) -> dict[str, Any]:
    """What was found; the contrast of ranks is that of the least favourable cell."""
    tested, n = v.tested, len(v.tested.d)
    alike = any(spread(column) == 0 for column in tested.d.T)
    ranked = None if tested.reason or isinstance(tested.claim, Threshold) else next(
        half.weights for half in tested.halves if half.cell == v.cell
    )  # fmt: skip
    return {
        "verdict": v.verdict, "bound": v.bound, "cells": len({h.cell for h in tested.halves}),
        "n": n, "df": max(0, n - 1), "cell": v.cell, "estimate": v.estimate, "low": v.low,
        "high": v.high, "interval": 1 - v.alpha, "p_for": tested.p_for,
        "p_against": tested.p_against, "p": tested.p, "p_adjusted": v.p_adjusted, "alpha": v.alpha,
        "seeds_needed": v.seeds_needed,
        "reason": tested.reason or ("no spread between seeds" if alike else ""),
        **ranks(measured, ranked),
    }  # fmt: skip
