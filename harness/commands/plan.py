"""`ablate plan`: what a study will train, and how long it will take."""

import os
from typing import TYPE_CHECKING, Any

import click

from harness.commands.options import study_options

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.plan import Run

SHOWN = 48  # variants listed


@click.command()
@study_options
@click.option(
    "--workers", type=click.IntRange(1), metavar="N", help="Worker processes; default: cores."
)
@click.option("--calibrate", is_flag=True, help="Measure this machine's speed first.")
@click.pass_obj
def command(
    uri: str | None, /, study: str, workers: int | None, calibrate: bool, **chosen: Any
) -> None:
    """Show the variants, stacks and expected time of STUDY; train nothing."""
    from harness import speed
    from harness.plan import stack
    from harness.request import resolve
    from harness.tracking.ended import ended_runs

    resolved, corpus, runs = resolve(study, **chosen)
    outcomes = ended_runs(uri, resolved.name)
    missing = [run for run in runs if run.key not in outcomes]
    workers = workers or os.cpu_count() or 1
    cohorts = stack(missing, workers)
    if calibrate and cohorts:
        largest = cohorts[0].runs
        speed.remember(speed.calibrate(largest, corpus.vocabulary), largest)
    click.echo(f"{resolved.name}: {resolved.question}")
    click.echo(f"data: {corpus.name}, {len(corpus.words):,} items, digest {corpus.digest[:12]}")
    for note in corpus.notes:
        click.echo(note)
    for line in _variants(runs, outcomes, corpus.vocabulary):
        click.echo(line)
    cells = len(runs) // len(resolved.seeds)
    click.echo(f"\n{cells} variants × {len(resolved.seeds)} seeds = {len(runs):,} runs, "
               f"{len(runs) - len(missing):,} of them ended")  # fmt: skip
    if not cohorts:
        click.echo("nothing to train")
        return
    seconds, measured = speed.expected_seconds(cohorts, workers)
    sizes = sorted({len(cohort.runs) for cohort in cohorts})
    members = f"{sizes[0]}" if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    click.echo(
        f"to train: {len(missing):,} runs in {len(cohorts):,} stacks of {members} members, about "
        f"{speed.duration(seconds)} on {workers} workers"
        + ("" if measured else " (a guess: --calibrate measures this machine)")
    )


def _variants(runs: "list[Run]", outcomes: "Mapping[str, str]", vocabulary: int) -> "Iterator[str]":
    """A table of the variants: parameters of the network, and how many seeds ended or diverged."""
    from harness.plan import parameters

    by_variant: dict[str, list[Run]] = {}
    for run in runs:
        by_variant.setdefault(run.variant, []).append(run)
    width = max(len(variant) for variant in by_variant)
    yield f"\n{'variant':{width}}  parameters   ended  diverged"
    for variant, alike in list(by_variant.items())[:SHOWN]:
        known = [outcomes[run.key] for run in alike if run.key in outcomes]
        size, ended = parameters(alike[0].fields, vocabulary), f"{len(known)}/{len(alike)}"
        yield f"{variant:{width}}  {size:10,}  {ended:>6}  {known.count('diverged') or '':>8}"
    if len(by_variant) > SHOWN:
        yield f"… and {len(by_variant) - SHOWN:,} more variants"
