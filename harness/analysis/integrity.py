"""The audit before any number: are these the runs that the study planned, and comparable?

What would make contrasts wrong is refused; what a reader must only know of becomes a banner.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Literal

import pandas as pd

from harness.analysis.frames import StudyData, level_texts
from harness.analysis.stages import ended_runs, expected_runs
from harness.errors import UserError, counted
from harness.study.levels import format_level
from harness.study.plan import expand, variant_label

COLUMNS = ("check", "severity", "message", "runs")


@dataclass(frozen=True)
class Finding:
    """Something wrong with the runs, or worth knowing.

    Attributes:
        check: which one found it.
        severity: "refuse": no contrast is computed; "banner": it stands at the top of reports.
        message: one sentence.
        runs: names of (some of) the runs concerned.
    """

    check: str
    severity: Literal["refuse", "banner"]
    message: str
    runs: tuple[str, ...] = ()


def audit(data: StudyData) -> list[Finding]:
    """Everything found, what is refused first."""
    checks = (_changes, _duplicates, _origins, _identities, _budgets, _pairing, _coverage,
              _mixtures, _remains)  # fmt: skip
    found = [finding for check in checks for finding in check(data)]
    return sorted(found, key=lambda finding: finding.severity != "refuse")


def require_comparable(data: StudyData) -> list[Finding]:
    """What a reader of these runs must know, where nothing forbids to compare them.

    Raises:
        UserError: they cannot be compared.
    """
    found = audit(data)
    for finding in found:
        if finding.severity == "refuse":
            raise UserError(
                "runs must be comparable",
                finding.message.removesuffix("."),
                "`ablate report STUDY` shows which runs are not.",
            )
    return found


def findings_table(found: list[Finding]) -> pd.DataFrame:
    """The findings as a table, the first few of the runs concerned as text."""
    rows = [(f.check, f.severity, f.message, "; ".join(f.runs[:5])) for f in found]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _names(runs: pd.DataFrame) -> tuple[str, ...]:
    return tuple(f"{v}, seed {s}" for v, s in zip(runs["variant"], runs["seed"], strict=True))


def _changes(data: StudyData) -> Iterator[Finding]:
    """Runs whose params, tags or responses are not those that they ended with."""
    changed = data.trained[data.trained["changed"] == "yes"]
    if len(changed):
        runs = counted(len(changed), "run has", "runs have")
        message = (
            f"{runs} params, tags or numbers that were changed after the end. "
            "`ablate run STUDY --repair` trains such runs again."
        )
        yield Finding("changed", "refuse", message, _names(changed))
    unknown = data.trained[data.trained["changed"] == "unknown"]
    if len(unknown):
        message = (
            f"Whether {counted(len(unknown), 'run was', 'runs were')} changed cannot be checked."
        )
        yield Finding("unchecked", "banner", message, _names(unknown))


def _duplicates(data: StudyData) -> Iterator[Finding]:
    """Two runs of one key or place; two machines that wrote to one server can cause the former."""
    for keys, what in ((["run_key"], "identity"), (["variant", "seed"], "variant and seed")):
        twice = data.trained[data.trained.duplicated(keys, keep=False)]
        if len(twice):
            message = f"{len(twice)} runs have the same {what} as another run."
            yield Finding("duplicates", "refuse", message, _names(twice))
    if count := int(data.facts.get("duplicates") or 0):
        runs = counted(count, "run was", "runs were")
        message = f"{runs} left out: for each, an older run with the same key counts."
        yield Finding("duplicates", "banner", message)


def _origins(data: StudyData) -> Iterator[Finding]:
    """Runs on other data, or by other arithmetic of the subject."""
    digests = sorted(set(data.trained["data_digest"]) | {data.facts.get("digest", "")} - {""})
    if len(digests) > 1:
        yield Finding("data", "refuse", f"Runs on different data: digests {', '.join(digests)}.")
    versions, ours = sorted(set(data.trained["version"])), data.study.model.version
    if any(version != ours for version in versions):
        made = f"version {', '.join(versions)} of {data.study.subject}"
        message = f"Runs by {made}; this program has version {ours}."
        yield Finding("version", "refuse", message)


def _identities(data: StudyData) -> Iterator[Finding]:
    """A run's key is a hash of its fields, seed and data: a label that was swapped cannot match."""
    planned = {
        (run.variant, run.seed, digest): run
        for digest in sorted(set(data.trained["data_digest"]))
        for run in expand(data.study, digest)
    }
    wrong = []
    for _, row in data.trained.iterrows():
        run = planned.get((row["variant"], row["seed"], row["data_digest"]))
        if run:
            labels = level_texts(run.cell) | {"run_key": run.key}
            wrong.append(any(row[name] != label for name, label in labels.items()))
        else:
            wrong.append(False)
    if any(wrong):
        message = f"Labels of {counted(sum(wrong), 'run')} do not match the identity."
        yield Finding("labels", "refuse", message, _names(data.trained[wrong]))


def _budgets(data: StudyData) -> Iterator[Finding]:
    names = list(data.study.model.budget)
    planned = {
        variant_label(cell): tuple(format_level(getattr(fields, name)) for name in names)
        for cell in data.study.trained()
        for fields in [data.study.fields(cell)]
    }
    budgets = data.trained[names].itertuples(index=False, name=None)
    wrong = [
        budget != planned.get(variant, budget)
        for variant, budget in zip(data.trained["variant"], budgets, strict=True)
    ]
    if any(wrong):
        runs = counted(sum(wrong), "run differs", "runs differ")
        message = f"{runs} from the plan in {', '.join(names)}."
        yield Finding("budget", "refuse", message, _names(data.trained[wrong]))


def _pairing(data: StudyData) -> Iterator[Finding]:
    """Runs of a seed with the same budget must have seen the same minibatches; others not."""
    finished = data.trained[data.trained["outcome"] == "finished"]
    known = finished["minibatches"] != ""
    complete, unknown = finished[known], finished[~known]
    orders = complete.groupby(["seed", *data.study.model.budget])["minibatches"].nunique()
    seeds = sorted({str(key[0]) for key in orders[orders > 1].index})
    if seeds:
        message = f"Runs of one seed saw different minibatches: seed {', '.join(seeds)}."
        yield Finding("pairing", "refuse", message)
    if (complete.groupby("minibatches")["seed"].nunique() > 1).any():
        yield Finding("pairing", "refuse", "Runs of different seeds saw the same minibatches.")
    if len(unknown):
        message = f"The minibatch order of {counted(len(unknown), 'run')} is not known."
        yield Finding("pairing", "banner", message, _names(unknown))


def _coverage(data: StudyData) -> Iterator[Finding]:
    """Runs of the plan that are needed and missing, and runs outside it."""
    variants = [variant_label(cell) for cell in data.study.trained()]
    expected, there = expected_runs(data), ended_runs(data)
    lost = [run for run in product(variants, data.study.seeds) if run in expected - there]
    if lost:
        message = f"{len(lost)} of {len(expected)} planned runs have not ended: not testable."
        yield Finding("missing", "banner", message, tuple(f"{v}, seed {s}" for v, s in lost))
    planned = data.trained["variant"].isin(variants) & data.trained["seed"].isin(data.study.seeds)
    if not planned.all():
        runs = counted((~planned).sum(), "run is", "runs are")
        message = f"{runs} not part of the study, and left out."
        yield Finding("unplanned", "banner", message, _names(data.trained[~planned]))


def _mixtures(data: StudyData) -> Iterator[Finding]:
    for column, what in (("commit", "commits"), ("device", "devices"), ("versions", "versions")):
        values = sorted(set(data.all_ended[column]))
        if len(values) > 1:
            found = ", ".join(value or "unknown" for value in values[:4])
            message = f"Runs of {len(values)} different {what} are mixed: {found}."
            yield Finding(column, "banner", message)


def _remains(data: StudyData) -> Iterator[Finding]:
    """Runs that lost some of what was stored of them, and count as far as the rest allows."""
    unread = data.trained[data.trained["files"] != ""]
    if len(unread):
        message = (
            f"The files of {counted(len(unread), 'run')} are missing or damaged: the numbers and "
            "curves come from the database, but layers, weights and histograms lack them."
        )
        yield Finding("files", "banner", message, tuple(unread["files"]))
    lacking = data.trained[data.trained["lacking"] != ""]
    if len(lacking):
        lost = dict.fromkeys(name for names in lacking["lacking"] for name in names.split(", "))
        runs = counted(len(lacking), "run lacks", "runs lack")
        message = f"{runs} {', '.join(lost)}: these were restored from other data."
        yield Finding("lacking", "banner", message, _names(lacking))
    if count := int(data.facts.get("unidentified") or 0):
        runs = counted(count, "run was", "runs were")
        message = f"{runs} left out: without all tags, a run cannot be identified."
        yield Finding("unidentified", "banner", message)
