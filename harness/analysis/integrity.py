"""The audit before any number: are these the runs that the study planned, and comparable?

What makes contrasts wrong is refused; what a reader must only know of is bannered.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from harness.analysis.frames import StudyData, level_texts
from harness.plan import TRAINER, Run, expand, variant_label
from harness.study import Study, format_level

Severity = Literal["refuse", "banner"]
BUDGET = ("steps", "batch", "train_words")
ENDED = ("finished", "diverged")
COLUMNS = ("check", "severity", "message", "runs")


@dataclass(frozen=True)
class Finding:
    """Something wrong with the runs, or worth knowing.

    Attributes:
        check: which one found it.
        severity: "refuse": no contrast may be made; "banner": it is said at the top.
        message: one sentence.
        runs: names of (some of) the runs concerned.
    """

    check: str
    severity: Severity
    message: str
    runs: tuple[str, ...] = ()


def audit(data: StudyData) -> list[Finding]:
    """Everything found, what is refused first."""
    found = [
        *_duplicates(data.runs), *_left_out(data), *_digests(data), *_identities(data),
        *_budgets(data), *_pairing(data.runs), *_missing(data), *_unplanned(data),
        *_mixtures(data.runs),
    ]  # fmt: skip
    return sorted(found, key=lambda finding: finding.severity != "refuse")


def findings_table(found: list[Finding]) -> pd.DataFrame:
    """The findings as a table, the first few of the runs concerned as text."""
    rows = [(f.check, f.severity, f.message, "; ".join(f.runs[:5])) for f in found]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _names(runs: pd.DataFrame) -> tuple[str, ...]:
    return tuple(f"{v}, seed {s}" for v, s in zip(runs["variant"], runs["seed"], strict=True))


def _duplicates(runs: pd.DataFrame) -> Iterator[Finding]:
    for keys, what in ((["run_key"], "identity"), (["variant", "seed"], "variant and seed")):
        twice = runs[runs.duplicated(keys, keep=False)]
        if len(twice):
            message = f"{len(twice)} runs share their {what} with another."
            yield Finding("duplicates", "refuse", message, _names(twice))


def _left_out(data: StudyData) -> Iterator[Finding]:
    """Runs of a key that has an older complete one: two machines that wrote to one server."""
    if count := int(data.facts.get("duplicates") or 0):
        message = f"{count} runs were left out: of each an older one of the same key counts."
        yield Finding("duplicates", "banner", message)


def _digests(data: StudyData) -> Iterator[Finding]:
    digests = sorted(set(data.runs["data_digest"]) | {data.facts.get("digest", "")} - {""})
    if len(digests) > 1:
        yield Finding("data", "refuse", f"Runs on different data: digests {', '.join(digests)}.")
    trainers = sorted(set(data.runs["trainer"]))
    if any(trainer != str(TRAINER) for trainer in trainers):
        message = f"Runs of trainer {', '.join(trainers)}; this program's is {TRAINER}."
        yield Finding("trainer", "refuse", message)


def _identities(data: StudyData) -> Iterator[Finding]:
    """A run's key is a hash of its fields, seed and data: a label that was swapped cannot match."""
    keys = {
        (run.variant, run.seed, digest): run
        for digest in sorted(set(data.runs["data_digest"])) for run in expand(data.study, digest)
    }  # fmt: skip
    places = zip(data.runs["variant"], data.runs["seed"], data.runs["data_digest"], strict=True)
    planned = [keys.get(place) for place in places]
    wrong = [
        run is not None and not _is(row, run)
        for run, (_, row) in zip(planned, data.runs.iterrows(), strict=True)
    ]
    if any(wrong):
        message = f"{sum(wrong)} runs are not what their labels say: identity and label disagree."
        yield Finding("labels", "refuse", message, _names(data.runs[wrong]))


def _is(row: pd.Series, run: Run) -> bool:
    levels = level_texts(run.cell)
    same_levels = all(row[factor] == level for factor, level in levels.items())
    return same_levels and row["run_key"] == run.key


def _budgets(data: StudyData) -> Iterator[Finding]:
    expected = _expected_budgets(data.study)
    budgets = zip(*(data.runs[name] for name in BUDGET), strict=True)
    wrong = [
        variant in expected and budget != expected[variant]
        for variant, budget in zip(data.runs["variant"], budgets, strict=True)
    ]
    if any(wrong):
        message = f"{sum(wrong)} runs have other steps, batch or training words than planned."
        yield Finding("budget", "refuse", message, _names(data.runs[wrong]))


def _expected_budgets(study: Study) -> dict[str, tuple[str, ...]]:
    return {
        variant_label(cell): tuple(format_level(getattr(fields, name)) for name in BUDGET)
        for cell in study.cells()
        for fields in [study.fields(cell)]
    }


def _pairing(runs: pd.DataFrame) -> Iterator[Finding]:
    """Runs of a seed with the same budget must have seen the same minibatches; others not."""
    complete = runs[(runs["outcome"] == "finished") & (runs["minibatches"] != "")]
    orders = complete.groupby(["seed", *BUDGET])["minibatches"].nunique()
    seeds = sorted({str(key[0]) for key in orders[orders > 1].index})
    if seeds:
        message = f"Runs of one seed saw different minibatches: seed {', '.join(seeds)}."
        yield Finding("pairing", "refuse", message)
    shared = complete.groupby("minibatches")["seed"].nunique()
    if (shared > 1).any():
        yield Finding("pairing", "refuse", "Runs of different seeds saw the same minibatches.")
    unknown = runs[(runs["outcome"] == "finished") & (runs["minibatches"] == "")]
    if len(unknown):
        message = f"The minibatch order of {len(unknown)} runs is not known."
        yield Finding("pairing", "banner", message, _names(unknown))


def _missing(data: StudyData) -> Iterator[Finding]:
    ended = data.runs[data.runs["outcome"].isin(ENDED)]
    there = set(zip(ended["variant"], ended["seed"], strict=True))
    planned = [(variant_label(c), seed) for c in data.study.cells() for seed in data.study.seeds]
    lost = [place for place in planned if place not in there]
    if lost:
        names = tuple(f"{variant}, seed {seed}" for variant, seed in lost)
        message = f"{len(lost)} of {len(planned)} planned runs have not ended: not testable."
        yield Finding("missing", "banner", message, names)


def _unplanned(data: StudyData) -> Iterator[Finding]:
    variants = {variant_label(cell) for cell in data.study.cells()}
    planned = data.runs["variant"].isin(variants) & data.runs["seed"].isin(data.study.seeds)
    if not planned.all():
        others = data.runs[~planned]
        message = f"{len(others)} runs are not part of the study and are left out."
        yield Finding("unplanned", "banner", message, _names(others))


def _mixtures(runs: pd.DataFrame) -> Iterator[Finding]:
    ended = runs[runs["outcome"].isin(ENDED)]
    for column, what in (("commit", "commits"), ("device", "devices"), ("versions", "versions")):
        values = sorted(set(ended[column]))
        if len(values) > 1:
            shown = ", ".join(value or "unknown" for value in values[:4])
            message = f"Runs of {len(values)} different {what} are mixed: {shown}."
            yield Finding(column, "banner", message)
