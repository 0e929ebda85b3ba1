"""How the runs went: accounting, what was watched while they trained, and every cell and run."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pandas as pd

from harness.analysis.intervals import mean_intervals
from harness.report.document import Block, Link, Paragraph, Section, Table, Words
from harness.report.links import compare_link, run_link
from harness.report.source import Source
from harness.report.words import duration, label, measured, thousands, with_interval

if TYPE_CHECKING:
    from harness.report.sections import Pictures

BEHAVIOUR = {
    "curves": "Learning curves",
    "saturation": "Saturation by layer",
    "gradients": "Gradient flow",
    "updates": "Update:data",
    "histograms": "Activations and gradients",
}
IN_CELLS = (
    "final/train_loss", "final/dev_loss", "final/test_loss", "final/saturation_mean",
    "final/saturation_worst",
)  # fmt: skip
OUTCOMES = ("finished", "diverged", "failed", "interrupted", "running")


def accounting(source: Source) -> Section:
    """How many runs were planned and how they ended."""
    runs = source.data.runs
    counts = runs["outcome"].value_counts()
    ended = sum(int(counts.get(name, 0)) for name in OUTCOMES)
    missing = max(0, source.study.size() - ended)
    rows: list[tuple[Words, ...]] = [("expected", thousands(source.study.size()))]
    rows += [(name, thousands(counts.get(name, 0))) for name in OUTCOMES[:2]]
    rows += [(name, thousands(counts[name])) for name in OUTCOMES[2:] if name in counts]
    rows += [
        ("missing", thousands(missing)),
        ("training time, all runs", duration(float(runs["seconds"].sum()))),
        ("training time, median run", duration(float(runs["seconds"].median()))),
    ]
    blocks: list[Block] = [Table("Runs", ("", "number"), tuple(rows), frozenset({1}))]
    blocks += divergence(source)
    return Section("accounting", "Run accounting", blocks)


def divergence(source: Source) -> Iterator[Table]:
    """Which variants diverged, how often and when."""
    runs = source.data.runs
    lost = runs[runs["outcome"] == "diverged"]
    if lost.empty:
        return
    rows = []
    for variant, some in lost.groupby("variant", sort=False):
        everyone = int((runs["variant"] == variant).sum())
        steps = ", ".join(thousands(step) for step in some["diverged_step"])
        causes = ", ".join(sorted(set(some["diverged_cause"])))
        rows.append((str(variant), f"{len(some)} of {everyone}", steps, causes))
    head = ("variant", "diverged", "at step", "cause")
    yield Table("Diverged runs", head, tuple(rows), frozenset({1}))


def behaviour(pictures: "Pictures") -> Iterator[Section]:
    """What was watched while the networks trained."""
    for name, title in BEHAVIOUR.items():
        yield Section(name, title, pictures.get(name, []))


def cells(source: Source) -> Iterator[Section]:
    """Every cell, and every run, with their way into MLflow."""
    words = (
        "Variants and runs link to MLflow, where all their curves, artifacts and weights are; for "
        f"a local store, first start its UI with: ablate ui {source.study.name}"
    )
    yield Section("cells", "All cells", [Paragraph(words), cells_table(source), runs_table(source)])


def cells_table(source: Source) -> Table:
    """Mean over seeds ± half its t interval of the main responses; diverged runs are not in it."""
    runs = source.data.runs
    finished = runs[runs["outcome"] == "finished"]
    shown = dict.fromkeys((*IN_CELLS, source.primary))
    tables = {name: means(finished, name) for name in shown}
    rows = []
    for variant in source.data.variants():
        mine = runs[runs["variant"] == variant]
        texts = [
            with_interval(name, *tables[name].loc[variant, ["mean", "low", "high"]])
            if variant in tables[name].index
            else "–"
            for name in shown
        ]
        ended = int((mine["outcome"] == "finished").sum())
        rows.append(
            (compare_link(source.data.facts, variant, list(mine["run_id"])), str(ended), *texts)
        )
    head = ("variant (opens its runs)", "runs finished", *(label(name) for name in shown))
    title = "All cells: mean over the finished runs ± half the 95 % t interval"
    return Table(title, head, tuple(rows), frozenset(range(1, len(head))))


def means(runs: pd.DataFrame, response: str) -> pd.DataFrame:
    """A response by variant."""
    values = runs[["variant", response]].rename(columns={response: "value"}).dropna()
    return mean_intervals(values, ["variant"]).set_index("variant")


def runs_table(source: Source) -> Table:
    """Every run."""
    rows: list[tuple[str | Link, ...]] = [
        (
            run_link(source.data.facts, row["run_name"] or row["variant"], row["run_id"]),
            str(row["seed"]), row["outcome"],
            *(measured(name, row[name]) for name in IN_CELLS), duration(row["seconds"]),
            row["run_key"],
        )
        for _, row in source.data.runs.iterrows()
    ]  # fmt: skip
    head = ("run", "seed", "outcome", *(label(name) for name in IN_CELLS), "time", "run_key")
    return Table("All runs", head, tuple(rows), frozenset({1, 3, 4, 5, 6, 7, 8}), folded=True)
