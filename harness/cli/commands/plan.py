"""`ablate plan`: what a study will train, and how long it will take."""

import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import click

from harness.cli.options import pass_store, study_options, workers_option

if TYPE_CHECKING:
    from harness.study.plan import Run
    from harness.study.request import Plan, Request

SHOWN = 48  # variants listed
WARM_UP, TIMED = 20, 200  # steps of a calibration


@click.command()
@study_options
@workers_option
@click.option("--calibrate", is_flag=True, help="Measure this machine's speed first.")
@pass_store
def command(uri: str | None, request: "Request", workers: int | None, calibrate: bool) -> None:
    """Show variants, stacks and expected time of STUDY."""
    from harness.study.plan import about_partial, about_twins, make_stacks
    from harness.study.speed import expected_seconds, format_duration, record_speed

    plan = request.resolve()
    study, costs = plan.study, plan.costs
    outcomes, notes = _ended(uri, plan, request)
    needed, remarks = _needed(uri, plan)
    missing = [run for run in needed if run.key not in outcomes]
    taken, said = _elsewhere(uri, plan, missing)
    missing = [run for run in missing if run.key not in taken]
    remarks += said
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
    for line in _variants(plan, needed, outcomes):
        click.echo(line)
    cells, ended = sum(1 for _ in study.cells()), sum(r.key in outcomes for r in plan.runs)
    tuned = "".join(f" × {len(levels)} {field}" for field, levels in study.tuned.items())
    most = "at most " if len(study.stage_ends) > 1 else ""
    click.echo(
        f"\n{cells} variants{tuned} × {len(study.seeds)} seeds = {most}{len(plan.runs):,} runs, "
        f"{ended:,} of them ended"
    )
    if part := about_partial(study):
        click.echo(part)
    if same := about_twins(study):
        click.echo(f"{same} Leave out a level, or say where it has a meaning with [[only]].")
    for remark in remarks:
        click.echo(remark)
    if not stacks:
        click.echo("nothing to train")
        return
    seconds, measured = expected_seconds(stacks, costs, workers)
    sizes = sorted({len(stack.runs) for stack in stacks})
    members = f"{sizes[0]}" if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    guess = "" if measured else " (a guess: --calibrate measures this machine)"
    until = " until the next look" if most else ""
    click.echo(
        f"to train{until}: {len(missing):,} runs in {len(stacks):,} stacks of {members} members, "
        f"about {format_duration(seconds)} on {workers} workers{guess}"
    )
    for sentence in plan.subject.advice([run.fields for run in missing]):
        click.echo(sentence)


def _ended(
    uri: str | None, plan: "Plan", request: "Request"
) -> tuple[Mapping[str, str], list[str]]:
    """Outcomes by key of the runs that the store holds, and what to say of these and others."""
    from harness.store.peek import surely_new

    if surely_new(uri, plan.study.name):  # without loading MLflow
        return {}, []
    from harness.store.doctor import doubtful
    from harness.store.selection import known_runs, on_doubtful
    from harness.store.store import Store

    store, keys = Store.existing(uri), {run.key for run in plan.runs}
    outcomes, notes = known_runs(store, plan.study, plan.data.digest, keys)
    if found := doubtful(store, plan.study.name, keys):
        notes.append(on_doubtful(found, f"ablate run {request.typed} --repair"))
    return outcomes, notes


def _elsewhere(uri: str | None, plan: "Plan", missing: list["Run"]) -> tuple[set[str], list[str]]:
    """Keys of missing runs that other studies have finished, and what to say about them."""
    from harness.store.peek import surely_untrained

    if surely_untrained(uri, [run.key for run in missing]):
        return set(), []
    from harness.store.store import Store
    from harness.store.takeover import about_taken, finished_elsewhere

    keys = {run.key for run in missing}
    found = finished_elsewhere(Store.existing(uri), plan.study.name, plan.data.digest, keys)
    return set(found), [f"{len(found):,} runs will be {about_taken(found)}"] if found else []


def _needed(uri: str | None, plan: "Plan") -> tuple[list["Run"], list[str]]:
    """The runs that the study needs as far as is known, and what to say about its looks."""
    from harness.store.peek import surely_new

    study, ends = plan.study, plan.study.stage_ends
    if len(ends) == 1:
        return plan.runs, []
    first, cells = set(study.seeds[: ends[0]]), len(plan.runs) // len(study.seeds)
    remarks = [
        f"looks at {', '.join(map(str, study.declared_looks))} seeds: {cells * ends[0]:,} runs "
        f"until the first, at most {len(plan.runs):,} in all"
    ]
    if surely_new(uri, study.name):
        return [run for run in plan.runs if run.seed in first], remarks
    from harness.analysis.stages import about_stages, needed_runs, stages
    from harness.looks import judged
    from harness.store.store import Store

    known = stages(judged(Store.existing(uri), plan))
    needed = needed_runs(known)
    runs = [run for run in plan.runs if (run.variant, run.seed) in needed]
    return runs, [*remarks, *about_stages(study, known)]


def _variants(plan: "Plan", needed: list["Run"], outcomes: Mapping[str, str]) -> Iterator[str]:
    """A table of the variants: parameters of the network, and how many seeds ended or diverged."""
    by_variant: dict[str, list[Run]] = {}
    for run in plan.runs:
        by_variant.setdefault(run.variant, []).append(run)
    counted = {run.key for run in needed} | outcomes.keys()
    width, costs = max(len(variant) for variant in by_variant), plan.costs
    yield f"\n{'variant':{width}}  parameters   ended  diverged"
    for variant, alike in list(by_variant.items())[:SHOWN]:
        known = [outcomes[run.key] for run in alike if run.key in outcomes]
        expected = sum(run.key in counted for run in alike)
        size, ended = costs(alike[0].fields).parameters, f"{len(known)}/{expected}"
        yield f"{variant:{width}}  {size:10,}  {ended:>6}  {known.count('diverged') or '':>8}"
    if len(by_variant) > SHOWN:
        yield f"… and {len(by_variant) - SHOWN:,} more variants"


def _calibrate(plan: "Plan", runs: "tuple[Run, ...]") -> float:
    """Worker-seconds that training these runs takes, from a few hundred steps of them stacked."""
    import time

    from harness.training.minibatches import Minibatches

    fields, seeds = runs[0].fields, [run.seed for run in runs]
    members = plan.subject.start([run.fields for run in runs], seeds, plan.data)
    examples = [plan.data.examples(run.fields, run.seed) for run in runs]
    minibatches = Minibatches(seeds, examples, fields.batch)
    many, step, began, timed_from = members.at_once, 0, time.perf_counter(), 0
    while step < WARM_UP + TIMED:
        if step >= WARM_UP and not timed_from:
            began, timed_from = time.perf_counter(), step
        taken = members.advance(step, minibatches.between(step, step + many), probe=False)
        step += many
        if not taken.taken.all():
            break
    return (time.perf_counter() - began) / max(1, step - timed_from) * float(fields.steps)
