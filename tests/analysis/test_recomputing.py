"""A reader who disagrees recomputes every verdict from claims.csv and runs.csv alone.

Nothing of the harness is used above the line: csv, json, the t distribution.
"""

import csv
import itertools
import json
import statistics
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import t

from harness.analysis.claims_table import claims_table
from harness.analysis.frames import StudyData, write_csv
from harness.analysis.verdicts import verdicts
from harness.study.files import load_study
from harness.study.levels import Levels
from harness.study.study import Study
from tests.support import simulated

LEFT_OUT = [{"norm": "none", "init": "naive", "depth": 1}, {"output_scale": 1.0, "depth": 10}]

Row = dict[str, str]


def recompute(claims: list[Row], runs: list[Row], factors: list[str]) -> dict[str, Row]:
    """Verdict, interval and condition by claim."""
    tail = 0.05 / len(claims) / 2
    return {claim["id"]: judge(claim, runs, factors, tail) for claim in claims}


def judge(claim: Row, runs: list[Row], factors: list[str], tail: float) -> Row:
    """One claim, its cells as columns of seed-wise values."""
    seeds = sorted({run["seed"] for run in runs}, key=int)
    compared = [claim[name] for name in ("factor", "by") if claim[name]]
    free = [factor for factor in factors if factor not in compared]
    where = json.loads(claim["where"])
    levels = [where.get(f) or list(dict.fromkeys(run[f] for run in runs)) for f in free]
    cells = [dict(zip(free, cell, strict=True)) for cell in itertools.product(*levels)]
    there = {tuple(run[f] for f in factors) for run in runs}
    cells = [  # of a partial grid: those that have every variant compared
        cell for cell in cells
        if all(tuple((cell | part)[f] for f in factors) in there for part in parts(claim))
    ]  # fmt: skip
    table = [[value(claim, runs, cell, seed) for cell in cells] for seed in seeds]
    if claim["over"] == "mean":
        table = [[statistics.fmean(row)] for row in table]
    columns = list(dict.fromkeys(zip(*table, strict=True)))  # equal ones count once
    bound, margin = float(claim["bound"]), float(claim["margin"] or "nan")
    sign = -1 if claim["direction"] == "higher" else 1
    u = [[sign * one for one in column] for column in columns]
    two_sided, k = claim["direction"] == "within", len(columns)
    u += [[-one for one in column] for column in u] if two_sided else []

    def ends(column: list[float], tail: float) -> tuple[float, float]:
        n = len(column)
        half = t.ppf(1 - tail, n - 1) * statistics.stdev(column) / n**0.5
        return statistics.fmean(column) - half, statistics.fmean(column) + half

    b = sign * bound
    low = [ends(column, tail)[0] for column in u]
    high = [ends(column, tail)[1] for column in u]
    strict = [ends(column, tail / len(u))[0] for column in u]
    if max(high) < b:
        word = "SUPPORTED"
    elif max(strict) < b:
        word = "INCONCLUSIVE"
    elif two_sided:
        pairs = zip(u[:k], u[k:], strict=True)
        beyond = all(max(ends(one, tail / 2)[0] for one in pair) > b for pair in pairs)
        word = "FAILS" if beyond else "NOT EVERYWHERE"
    elif margin >= 0 and min(low) > margin:
        word = "OPPOSITE"
    elif margin > 0 and min(low) > -margin and max(high) < margin:
        word = "NEGLIGIBLE"
    else:
        word = "FAILS" if min(low) > b else "NOT EVERYWHERE"
    worst = sorted([sign * max(strict), sign * max(high)])
    found = {"verdict": word, "low": max(0.0, worst[0]) if two_sided else worst[0]}
    return {key: str(one) for key, one in (found | {"high": worst[1]}).items()}


def parts(claim: Row) -> list[Row]:
    """The levels that a claim compares."""
    levels = [claim["level"], claim["versus"]] if claim["factor"] else []
    found: list[Row] = [{claim["factor"]: level} for level in levels] or [{}]
    if claim["by"]:
        found = [part | {claim["by"]: at} for part in found for at in json.loads(claim["at"])]
    return found


def value(claim: Row, runs: list[Row], cell: Row, seed: str) -> float:
    """What the claim is about, in one cell and seed."""

    def mean(**more: str) -> float:
        wanted = {**cell, **more, "seed": seed}
        return statistics.fmean(
            loss(claim, run) for run in runs if all(run[k] == v for k, v in wanted.items())
        )

    def difference(**at: str) -> float:
        factor = claim["factor"]
        return mean(**at, **{factor: claim["level"]}) - mean(**at, **{factor: claim["versus"]})

    if claim["kind"] == "threshold":
        return mean()
    if claim["kind"] == "interaction":
        first, second = json.loads(claim["at"])
        return difference(**{claim["by"]: first}) - difference(**{claim["by"]: second})
    return difference()


def loss(claim: Row, run: Row) -> float:
    if claim["cap"] and run["outcome"] == "diverged":
        return float(claim["cap"])
    measured = float(run[claim["response"]])
    return min(measured, float(claim["cap"])) if claim["cap"] else measured


# ------------------------------------------------------------------------------------------------


def rows(path: Path) -> list[Row]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def made_up(name: str, draw: int, **changes: object) -> StudyData:
    """A study with an effect of its own in every cell, and noise; a few runs diverged."""
    study = Study.model_validate(load_study(name).model_dump(mode="json") | changes)
    runs = simulated.runs_of(study, simulated.noise())
    generator = np.random.default_rng(draw)
    effect = {v: float(generator.normal(0, 0.03)) for v in runs["variant"].unique()}
    for claim in study.claims:
        centre = (claim.below or claim.above or 0.0) if claim.kind == "threshold" else 2.0
        noise = 0.01 * generator.standard_normal(len(runs))
        runs[claim.response] = centre + runs["variant"].map(effect) + noise
    if name == "learning_rate":
        runs.loc[runs.index[[3, 44]], "outcome"] = "diverged"
    return simulated.data(study, simulated.noise(), runs=runs)


def test_every_verdict_is_recomputed_from_two_files(tmp_path: Path) -> None:
    seen = set()
    studies = ("core", "learning_rate", "regularization", "components")
    made = [made_up(name, draw) for name, draw in itertools.product(studies, (1, 2))]
    for data in [*made, made_up("core", 1, exclude=LEFT_OUT)]:
        write_csv(claims_table(data, verdicts(data)), tmp_path / "claims.csv")
        write_csv(data.runs, tmp_path / "runs.csv")
        claims = rows(tmp_path / "claims.csv")
        again = recompute(claims, rows(tmp_path / "runs.csv"), list(data.study.factors))
        for claim in claims:
            one = again[claim["id"]]
            assert one["verdict"] == claim["verdict"]
            for end in ("low", "high"):
                assert float(one[end]) == pytest.approx(float(claim[end]), rel=1e-9, abs=1e-12)
            seen.add(claim["verdict"])
    assert seen >= {"SUPPORTED", "OPPOSITE", "FAILS", "NOT EVERYWHERE", "INCONCLUSIVE"}


def test_the_recomputation_would_notice_a_wrong_verdict(tmp_path: Path) -> None:
    def truth(cell: Levels, seed: int) -> float:
        return 2 + 0.1 * (cell["init"] == "naive") + 0.001 * seed * (cell["norm"] == "none")

    study = load_study("smoke")
    data = simulated.data(study, truth)
    write_csv(claims_table(data, verdicts(data)), tmp_path / "claims.csv")
    write_csv(data.runs.assign(init=data.runs["init"].iloc[::-1].to_numpy()), tmp_path / "runs.csv")
    noisy = rows(tmp_path / "runs.csv")
    for i, run in enumerate(noisy):
        run["final/dev_loss"] = str(float(run["final/dev_loss"]) + 0.0001 * (i % 3))
    again = recompute(rows(tmp_path / "claims.csv"), noisy, list(study.factors))
    assert again["kaiming-loss"]["verdict"] != "SUPPORTED"
    assert verdicts(data)[0].word == "SUPPORTED"
