"""`ablate plan`: what a study will train, and how long it will take."""

import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import click

from harness.cli.options import study_options, workers_option

if TYPE_CHECKING:
    from harness.study.plan import Run
    from harness.study.request import Plan, Request

SHOWN = 48  # variants listed
WARM_UP, TIMED = 20, 200  # steps of a calibration


@click.command()
@study_options
@workers_option
@click.option("--calibrate", is_flag=True, help="Measure this machine's speed first.")
@click.pass_obj
def command(uri: str | None, request: "Request", workers: int | None, calibrate: bool) -> None:
    """Show the variants, stacks and expected time of STUDY; train nothing."""
    from harness.study.plan import about_twins, make_stacks
    from harness.study.speed import expected_seconds, format_duration, record_speed

    plan = request.resolve()
    study, costs = plan.study, plan.costs
    outcomes, notes = _ended(uri, plan)
    missing = [run for run in plan.runs if run.key not in outcomes]
    workers = workers or os.cpu_count() or 1
    stacks = make_stacks(missing, costs, workers)
    if calibrate and stacks:
        seconds = _calibrate(plan, stacks[0].runs)
        record_speed(plan.subject.name, seconds, costs.of_runs(stacks[0].runs))
    click.echo(f"{study.name}: {study.question}")
    if code := plan.subject.code():
        click.echo(f"runs the code of {', '.join(map(str, code.values()))}")
    click.echo(f"data: {plan.data.name}, {plan.data.size}, digest {plan.data.digest[:12]}")
    for note in (*plan.data.notes, *notes):
        click.echo(note)
    for line in _variants(plan, outcomes):
        click.echo(line)
    cells = len(plan.runs) // len(study.seeds)
    click.echo(
        f"\n{cells} variants × {len(study.seeds)} seeds = {len(plan.runs):,} runs, "
        f"{len(plan.runs) - len(missing):,} of them ended"
    )
    if same := about_twins(study):
        click.echo(f"{same} Leave out a level to avoid that.")
    if not stacks:
        click.echo("nothing to train")
        return
    seconds, measured = expected_seconds(stacks, costs, workers)
    sizes = sorted({len(stack.runs) for stack in stacks})
    members = f"{sizes[0]}" if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    guess = "" if measured else " (a guess: --calibrate measures this machine)"
    click.echo(
        f"to train: {len(missing):,} runs in {len(stacks):,} stacks of {members} members, about "
        f"{format_duration(seconds)} on {workers} workers{guess}"
    )
    for sentence in plan.subject.advice([run.fields for run in missing]):
        click.echo(sentence)


def _ended(uri: str | None, plan: "Plan") -> tuple[Mapping[str, str], list[str]]:
    """Outcomes by key of the runs that the store holds, and what to say about other data."""
    from harness.store.peek import surely_new

    if surely_new(uri, plan.study.name):  # without loading MLflow
        return {}, []
    from harness.store.selection import ended_runs, notes_on_other_data
    from harness.store.store import Store

    store = Store.existing(uri)
    return ended_runs(store, plan.study.name), notes_on_other_data(
        store, plan.study.name, plan.data.digest
    )


def _variants(plan: "Plan", outcomes: Mapping[str, str]) -> Iterator[str]:
    """A table of the variants: parameters of the network, and how many seeds ended or diverged."""
    by_variant: dict[str, list[Run]] = {}
    for run in plan.runs:
        by_variant.setdefault(run.variant, []).append(run)
    width, costs = max(len(variant) for variant in by_variant), plan.costs
    yield f"\n{'variant':{width}}  parameters   ended  diverged"
    for variant, alike in list(by_variant.items())[:SHOWN]:
        known = [outcomes[run.key] for run in alike if run.key in outcomes]
        size, ended = costs(alike[0].fields).parameters, f"{len(known)}/{len(alike)}"
        yield f"{variant:{width}}  {size:10,}  {ended:>6}  {known.count('diverged') or '':>8}"
    if len(by_variant) > SHOWN:
        yield f"… and {len(by_variant) - SHOWN:,} more variants"


def _calibrate(plan: "Plan", runs: "tuple[Run, ...]") -> float:
    """Worker-seconds that training these runs takes, from a few hundred steps of them stacked."""
    import time

    from harness.training.minibatches import Minibatches

    fields, seeds = runs[0].fields, [run.seed for run in runs]
    members = plan.subject.start([run.fields for run in runs], seeds, plan.data)
    minibatches = Minibatches(seeds, plan.data.examples(fields), fields.batch)
    many, step, began, timed_from = members.at_once, 0, time.perf_counter(), 0
    while step < WARM_UP + TIMED:
        if step >= WARM_UP and not timed_from:
            began, timed_from = time.perf_counter(), step
        taken = members.advance(step, minibatches.between(step, step + many), probe=False)
        step += many
        if not taken.taken.all():
            break
    return (time.perf_counter() - began) / max(1, step - timed_from) * float(fields.steps)
