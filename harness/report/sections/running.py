"""How the runs went: accounting, and every cell and run."""

from collections.abc import Iterator
from math import fsum

import pandas as pd

from harness.analysis.failures import DISTANCE
from harness.analysis.intervals import mean_intervals
from harness.errors import counted
from harness.report.document import Block, Paragraph, Section, Table, Words
from harness.report.links import compare_link, linked, run_link
from harness.report.source import Source
from harness.report.words import elapsed, measured, number, with_interval
from harness.subjects.subject import Response

OUTCOMES = ("finished", "diverged", "failed", "interrupted", "running")


def accounting(source: Source) -> Section:
    """How many runs were planned, how they ended, and which diverged."""
    runs, expected = source.data.trained, len(source.expected)
    counts = {name: int((runs["outcome"] == name).sum()) for name in OUTCOMES}
    missing = max(0, expected - sum(counts.values()))
    shown = {name: count for name, count in counts.items() if count or name in OUTCOMES[:2]}
    if source.study.declared_looks:
        shown["not needed so far"] = source.study.size() - expected
    rows: list[tuple[Words, ...]] = [
        *((name, f"{count:,}") for name, count in
          {"expected": expected, **shown, "missing": missing}.items()),
        ("training time, all runs", elapsed(fsum(runs["seconds"].dropna()))),
        ("training time, median run", elapsed(float(runs["seconds"].median()))),
    ]  # fmt: skip
    blocks: list[Block] = [Table("Runs", ("", "number"), tuple(rows), frozenset({1}))]
    diverged = tuple(
        (str(variant), f"{len(some)} of {(runs['variant'] == variant).sum()}",
         ", ".join(f"{step:,.0f}" for step in some["diverged_step"]),
         ", ".join(sorted(set(some["diverged_cause"]))))
        for variant, some in runs[runs["outcome"] == "diverged"].groupby("variant", sort=False)
    )  # fmt: skip
    if diverged:
        head = ("variant", "diverged", "at step", "cause")
        blocks.append(Table("Diverged runs", head, diverged, frozenset({1})))
    return Section("Run accounting", [*blocks, *_failures(source)])


def _failures(source: Source) -> Iterator[Block]:
    """How many runs of each variant failed, and how many may without having shown."""
    table = source.failures
    if source.refused or table.empty or source.primary.at_init:
        return
    most = table.iloc[int(table["limit"].to_numpy().argmax())]
    failed = int(table["failed"].sum())
    yield Paragraph(
        f"Failed in {source.primary.label}: {failed} of {counted(int(table['n'].sum()), 'run')}. "
        f"A run fails if it diverges or ends more than {DISTANCE:.0f} robust standard "
        "deviations from the median of its variant. At 95 %, the seeds cannot exclude that "
        f"up to {100 * table['limit'].min():.0f} % of a variant's runs fail"
        + (f"; for {most['variant']}, up to {100 * most['limit']:.0f} %." if failed else ".")
    )
    rows = tuple(
        (row["variant"], str(row["failed"]), str(row["diverged"]), str(row["n"]),
         f"{100 * row['share']:.0f} %", f"{100 * row['limit']:.0f} %")
        for _, row in table.iterrows()
    )  # fmt: skip
    head = ("variant", "failed", "of these diverged", "of runs", "share", "upper 95 % limit")
    yield Table("Failed runs by variant", head, rows, frozenset({1, 2, 3, 4, 5}), folded=True)


def cells(source: Source) -> Section:
    """Every cell, and every run, with links to MLflow where there are any."""
    tables: list[Block] = [_cells_table(source), _runs_table(source)]
    if linked(source.data.facts):
        tables.insert(0, Paragraph(
            "Variants and runs link to MLflow, which has all their curves, artifacts and weights. "
            f"For a local store, first start its UI with: ablate ui {source.study.name}"
        ))  # fmt: skip
    return Section("All cells", tables)


def _cells_table(source: Source) -> Table:
    """Mean over seeds ± half its t interval of the main responses; diverged runs are not in it."""
    data, runs = source.data, source.data.runs
    responses = _headline(source)
    finished = runs[runs["outcome"] == "finished"]
    means = {}
    for response in responses:
        values = finished[["variant", response.name]].set_axis(["variant", "value"], axis=1)
        means[response.name] = mean_intervals(values.dropna(), ["variant"]).set_index("variant")
    rows = []
    for variant in data.variants():
        texts = [
            with_interval(response, *means[response.name].loc[variant, ["mean", "low", "high"]])
            if variant in means[response.name].index
            else "–"
            for response in responses
        ]
        members = list(runs.loc[runs["variant"] == variant, "run_id"])
        link = compare_link(data.facts, variant, members)
        rows.append((link, str((finished["variant"] == variant).sum()), *texts))
    opens = "variant (opens its runs)" if linked(data.facts) else "variant"
    head = (opens, "runs finished", *map(_column, responses))
    title = "All cells: mean over the finished runs ± half the 95 % t interval"
    return Table(title, head, tuple(rows), frozenset(range(1, len(head))))


def _runs_table(source: Source) -> Table:
    """Every run."""
    responses = _headline(source)

    def row_of(run: pd.Series) -> tuple[Words, ...]:
        link = run_link(source.data.facts, run["run_name"] or run["variant"], run["run_id"])
        values = (measured(response, run[response.name]) for response in responses)
        time = number(run["seconds"], 1)
        return (link, str(run["seed"]), run["outcome"], *values, time, run["run_key"])

    runs = source.data.runs
    rows = tuple(row_of(run) for _, run in runs.iterrows())
    head = ("run", "seed", "outcome", *map(_column, responses), "time [s]", "run_key")
    numeric = frozenset({1, *range(3, 4 + len(responses))})
    anchors = tuple(f"run-{i}" for i in range(len(runs)))
    return Table("All runs", head, rows, numeric, folded=True, anchors=anchors)


def _headline(source: Source) -> list[Response]:
    """The responses that tables show: the subject's choice, and the primary one."""
    names = dict.fromkeys((*source.study.model.headline, source.primary.name))
    return [source.study.response(name) for name in names]


def _column(response: Response) -> str:
    """A response at the head of a table, its mode with it."""
    return f"{response.axis} ({response.name})"
