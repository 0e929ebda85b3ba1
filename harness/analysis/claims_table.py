"""The claims as tables from which, with runs.csv, a reader can recompute every verdict."""

import json
from math import sqrt
from typing import Any

import pandas as pd

from harness.analysis.clustered import covariances, item_error
from harness.analysis.effects import RANKS, ranks
from harness.analysis.frames import StudyData, cap_of
from harness.analysis.grid import AT_BASELINE, Grid, grid
from harness.analysis.intervals import NAN, mean, spread
from harness.analysis.tuning import untuned
from harness.analysis.verdicts import (
    FAILS,
    INCONCLUSIVE,
    NOT_EVERYWHERE,
    Verdict,
    verdicts,
    word_elsewhere,
    word_with_items,
)
from harness.study.claims import Claim, Threshold
from harness.study.levels import format_level, levels_in
from harness.study.seeds import seeds_of, seeds_text
from harness.study.study import Study

CLAIM_COLUMNS = (
    "id", "says", "verdict", "condition", "kind", "response", "factor", "level", "versus", "by",
    "at", "where", "over", "direction", "margin", "bound", "cap", "cells", "distinct", "n", "cell",
    "cell_estimate", "estimate", "low", "high", "interval", "p_for", "p_against", "p_adjusted",
    "alpha", "holding", "failing", "why", *RANKS, "stamps",
)  # fmt: skip
CELL_COLUMNS = ("id", "cell", "estimate", "se", "se_items", "n", "p_for", "p_against", "shown",
                "twins")  # fmt: skip
STABILITY_COLUMNS = ("id", "verdict", "sign_flip", "p_flip", "without_one", "seeds_without",
                     "other_split", "other_items", "untuned", "failures", "tipping",
                     "unseen")  # fmt: skip
LOOK_COLUMNS = ("id", "n", "verdict", "low", "high", "interval")
IF_NO_RUN_FAILS = "if no run fails"


def claims_table(data: StudyData, found: list[Verdict]) -> pd.DataFrame:
    """One row a claim.

    Args:
        data: the study's.
        found: the verdicts on its claims.

    Returns:
        CLAIM_COLUMNS. `condition` is "if no run fails" where the verdict hangs on that; `where` is
        JSON, levels as text as in runs.csv; `bound` is what the value stays below ("direction"
        lower, or within of an equivalence) or above; `cap` is what a capped response was cut to,
        diverged runs counting as it; `cells` are those the claim is about, `distinct` of them
        differ; `cell` is the least favourable one and `cell_estimate` its own estimate; `estimate`
        is that of a claim about one cell, and left out of several, where the least favourable
        estimate would be biased; the interval (of level `interval` = 1 − alpha) is for the worst
        cell; `p_for`, `p_against` are one-sided, of the claim and its negation; `holding`,
        `failing` count the cells shown to hold and to fail; ranks are the sensitivity analysis of
        the least favourable cell; `why` says in words where the claim is shown to hold or to fail,
        or why not; `stamps` say why verdicts are exploratory, if they are.
    """
    stamped = "; ".join(stamps(data))
    named = {claim.response: data.study.response(claim.response) for claim in data.study.claims}
    grids = {name: grid(data, name) for name in named}
    caps = {name: cap_of(response, data.facts) for name, response in named.items()}
    rows = [
        _stated(v.claim)
        | _outcome(v, grids[v.claim.response])
        | {"cap": caps[v.claim.response], "stamps": stamped}
        for v in found
    ]
    return pd.DataFrame(rows, columns=list(CLAIM_COLUMNS))


def why(v: Verdict) -> str:
    """Where a claim is shown to hold or to fail, or why it cannot be tested, in words."""
    evidence, k = v.evidence, len(v.evidence.cells)
    if evidence.reason:
        said = [evidence.reason]
    elif k == 1:
        said = [v.cell]
    elif v.word == NOT_EVERYWHERE:
        said = [f"fails in {len(v.failing)} of {k} cells, shown to hold in {len(v.holding)}"]
    elif v.word == FAILS:
        said = [f"fails in each of {k} cells"]
    elif v.word == INCONCLUSIVE:
        said = [f"shown to hold in {len(v.holding)} of {k} cells"]
    else:
        said = [f"in each of {k} cells"]
    over = evidence.cells[0].over
    if over not in ("", AT_BASELINE):
        said.append(f"{'averaged over' if v.claim.over == 'mean' else 'the grid has'} {over}")
    if evidence.twins:
        alike = sum(map(len, evidence.twins.values()))
        said.append(f"{alike} more {'cells have' if alike > 1 else 'cell has'} the same bits")
    if any(spread(u) == 0 for u in evidence.values.T if len(u)):
        said.append("no spread between seeds")
    return "; ".join(said)


def claim_cells_table(data: StudyData, found: list[Verdict]) -> pd.DataFrame:
    """Every claim's contrast in each distinct cell it is about.

    Args:
        data: the study's.
        found: the verdicts on its claims.

    Returns:
        CELL_COLUMNS: estimate, standard errors over seeds and over the split's items (NaN where
        these are not known), one-sided p of holding and of failing there, whether it is "shown" to
        hold or to fail at the claim's level over its number of cells, and the names of the cells
        that are its twins.
    """
    rows = []
    for v in found:
        evidence = v.evidence
        if evidence.reason:
            continue
        sign, known = evidence.statement.sign, covariances(data, v.claim.response)
        tested = zip(evidence.cells, evidence.values.T, v.p_holds, v.p_fails, strict=True)
        for cell, u, p_holds, p_fails in tested:
            shown = "holds" if cell.name in v.holding else "fails" if cell.name in v.failing else ""
            rows.append((
                v.claim.id, cell.name, sign * mean(u) + 0.0, spread(u) / sqrt(len(u)),
                item_error(cell.weights, known), len(u), p_holds, p_fails, shown,
                "; ".join(evidence.twins.get(cell.name, ())),
            ))  # fmt: skip
    return pd.DataFrame(rows, columns=list(CELL_COLUMNS))


def stability_table(data: StudyData, found: list[Verdict]) -> pd.DataFrame:
    """How each verdict stands up to other ways of asking.

    Args:
        data: the study's.
        found: the verdicts on its claims.

    Returns:
        STABILITY_COLUMNS: the verdict; the word that exact sign-flip tests give at the same level,
        and their p, one-sided and corrected for cells only; the word when the seed is left out that
        changes it ("" if none does), and the seeds that do; the word on the other split that the
        response has, and the one with standard errors that take in those over the split's items,
        both "" where they are not known; the word with every variant at the baseline's level of the
        tuned fields, if there are any; "if no run fails" or ""; the tipping share of failing runs,
        and the share that the seeds leave open.
    """
    rows = []
    at_baseline = verdicts(untuned(data)) if data.study.tuned else found
    for v, other in zip(found, at_baseline, strict=True):
        changed = {s: word for s, word in (v.without_one or {}).items() if word != v.word}
        share, unseen = v.tipping
        rows.append((
            v.claim.id, v.word, v.by_sign_flip, v.p_flip, next(iter(changed.values()), v.word)
            if v.without_one else "", seeds_text(sorted(changed)) if changed else "",
            word_elsewhere(data, v), word_with_items(data, v, covariances(data, v.claim.response)),
            other.word if data.study.tuned else "",
            IF_NO_RUN_FAILS if v.if_no_run_fails else "", share, unseen,
        ))  # fmt: skip
    return pd.DataFrame(rows, columns=list(STABILITY_COLUMNS))


def looks_table(study: Study, found: list[list[Verdict]]) -> pd.DataFrame:
    """Every claim's verdict at each declared look that it has the runs for.

    Args:
        study: the study.
        found: the verdicts on its claims at each look.

    Returns:
        LOOK_COLUMNS; no row where the study declares no looks.
    """
    rows = [
        (v.claim.id, len(v.evidence.seeds), v.word, v.low, v.high, 1 - v.alpha)
        for at_looks in found for v in at_looks
        if study.declared_looks and (v.settled or v.evidence.seeds)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=list(LOOK_COLUMNS))


def stamps(data: StudyData) -> list[str]:
    """What a reader must know of how claims and seeds came about."""
    study, facts = data.study, data.facts
    found = []
    digests = {facts.get("claims_digest", ""), *data.runs["claims_digest"]} - {""}
    if study.claims and digests - {study.claims_digest()}:
        found.append("claims or looks were changed after the first run")
    first = seeds_of(facts.get("first_seeds", ""))
    later = sorted(set(study.seeds) - set(first))
    if first and later and not study.looks:
        found.append(f"seeds were added after a look: {seeds_text(later)}")
    if study.looks and study.seeds != tuple(range(1, len(study.seeds) + 1)):
        found.append(f"looks count from seed 1, but seeds were chosen: {seeds_text(study.seeds)}")
    return found


def _stated(claim: Claim) -> dict[str, Any]:
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
    evidence = v.evidence
    ranked = None if evidence.reason or isinstance(v.claim, Threshold) else next(
        cell.weights for cell in evidence.cells if cell.name == v.cell
    )  # fmt: skip
    distinct, stated = len(evidence.cells), evidence.statement
    return {
        "verdict": v.word, "condition": IF_NO_RUN_FAILS if v.if_no_run_fails else "",
        "bound": stated.sign * stated.bound + 0.0,  # never −0
        "cells": distinct + sum(map(len, evidence.twins.values())),
        "distinct": distinct, "n": len(evidence.seeds), "cell": v.cell,
        "cell_estimate": v.estimate, "estimate": v.estimate if distinct == 1 else NAN, "low": v.low,
        "high": v.high, "interval": 1 - v.alpha, "p_for": v.p_for, "p_against": v.p_against,
        "p_adjusted": v.p_adjusted, "alpha": v.alpha, "holding": len(v.holding),
        "failing": len(v.failing),
        "why": why(v),
        **ranks(measured.of_seeds(evidence.seeds), ranked),
    }  # fmt: skip
