"""A reader who disagrees recomputes every verdict from claims.csv and runs.csv alone.

Nothing of the harness is used above the line: csv, json, the t distribution.
"""

import csv
import itertools
import json
import statistics
from pathlib import Path

import numpy as np
from scipy.stats import t

from harness.analysis.claims_table import claims_table
from harness.analysis.frames import StudyData, write_csv
from harness.analysis.verdicts import verdicts
from harness.study.files import load_study
from harness.study.levels import Levels
from tests.support import simulated

Row = dict[str, str]


def recompute(claims: list[Row], runs: list[Row], factors: list[str]) -> dict[str, str]:
    """Verdict by claim."""
    p = {claim["id"]: both_p(claim, runs, factors) for claim in claims}
    rising = sorted(p, key=lambda name: min(1.0, 2 * min(p[name])))
    verdict, going = dict.fromkeys(p, "INCONCLUSIVE"), True
    for rank, name in enumerate(rising):
        going = going and 2 * min(p[name]) <= 0.05 / (len(p) - rank)
        if going:
            verdict[name] = "SUPPORTED" if p[name][0] < p[name][1] else "REFUTED"
    return verdict


def both_p(claim: Row, runs: list[Row], factors: list[str]) -> tuple[float, float]:
    """One-sided p of the claim, and of its negation."""
    seeds = sorted({run["seed"] for run in runs})
    compared = [claim[name] for name in ("factor", "by") if claim[name]]
    free = [factor for factor in factors if factor not in compared]
    where = json.loads(claim["where"])
    levels = [where.get(f) or list(dict.fromkeys(run[f] for run in runs)) for f in free]
    cells = [dict(zip(free, cell, strict=True)) for cell in itertools.product(*levels)]
    table = [[value(claim, runs, cell, seed) for cell in cells] for seed in seeds]
    if claim["over"] == "mean":
        table = [[statistics.fmean(row)] for row in table]
    tests = [p for column in zip(*table, strict=True) for p in cell_p(claim, list(column))]
    return max(tests), min(1.0, len(tests) * min(1 - p for p in tests))


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


def cell_p(claim: Row, values: list[float]) -> list[float]:
    """One-sided p of everything that must hold in a cell."""
    bound = float(claim["bound"])
    sides = {"lower": [(1, bound)], "higher": [(-1, -bound)], "within": [(1, bound), (-1, bound)]}
    return [
        float(t.cdf(
            (sign * statistics.fmean(values) - b) / (statistics.stdev(values) / len(values) ** 0.5),
            len(values) - 1,
        ))
        for sign, b in sides[claim["direction"]]
    ]  # fmt: skip


# ------------------------------------------------------------------------------------------------


def rows(path: Path) -> list[Row]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def made_up(name: str, draw: int) -> StudyData:
    """A study with an effect of its own in every cell, and noise; a few runs diverged."""
    study = load_study(name)
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
    for name, draw in itertools.product(studies, (1, 2, 3)):
        data = made_up(name, draw)
        write_csv(claims_table(data, verdicts(data)), tmp_path / "claims.csv")
        write_csv(data.runs, tmp_path / "runs.csv")
        claims = rows(tmp_path / "claims.csv")
        again = recompute(claims, rows(tmp_path / "runs.csv"), list(data.study.factors))
        assert again == {claim["id"]: claim["verdict"] for claim in claims}
        seen |= set(again.values())
    assert seen == {"SUPPORTED", "REFUTED", "INCONCLUSIVE"}


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
    assert recompute(rows(tmp_path / "claims.csv"), noisy, list(study.factors)) == {
        "kaiming-loss": "REFUTED"
    }
    assert verdicts(data)[0].verdict == "SUPPORTED"
