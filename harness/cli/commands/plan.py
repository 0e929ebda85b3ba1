"""`ablate plan`: what a study will train, and how long it will take."""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import click

from harness.cli.options import json_option, pass_store, study_options, workers_option
from harness.errors import counted

if TYPE_CHECKING:
    from harness.cli.documents import Emit, PlannedVariant, Training
    from harness.study.plan import Costs, Run, Stack
    from harness.study.request import Plan, Request

SHOWN = 48  # variants listed
WARM_UP, TIMED = 20, 200  # steps of a calibration


@click.command()
@study_options
@workers_option
@click.option("--calibrate", is_flag=True, help="Measure this machine's speed first.")
@json_option
@pass_store
def command(
    uri: str | None, request: "Request", workers: int | None, calibrate: bool, emit: "Emit | None"
) -> None:
    """Show the variants, stacks and expected time of STUDY."""
    from harness.cli.documents import DataFacts, StudyPlan
    from harness.study.plan import about_partial, about_twins, make_stacks
    from harness.study.speed import record_speed

    plan = request.resolve()
    study, costs = plan.study, plan.costs
    outcomes, notes = _ended(uri, plan, request)
    needed, remarks = _needed(uri, plan)
    missing = [run for run in needed if run.key not in outcomes]
    taken, said = _elsewhere(uri, plan, missing)
    missing = [run for run in missing if run.key not in taken]
    workers = workers or os.cpu_count() or 1
    stacks = make_stacks(missing, costs, workers)
    if calibrate and stacks:
        seconds = _calibrate(plan, stacks[0].runs)
        record_speed(plan.subject.name, seconds, costs.of_runs(stacks[0].runs))
    same = about_twins(study)
    about_grid = [
        about_partial(study),
        same and f"{same} Leave out a level, or use [[only]] to say where it has a meaning.",
        *remarks,
        *said,
    ]
    about_data = [*plan.data.notes, *notes]
    advice = plan.subject.advice([run.fields for run in missing]) if missing else ()
    code = plan.subject.code([run.fields for run in plan.runs])
    found = StudyPlan(
        study=study.name, question=study.question,
        code=tuple(map(os.path.relpath, code.values())), data=DataFacts.of(plan.data),
        variants=tuple(_variants(plan, needed, outcomes)), tuned=study.tuned, seeds=study.seeds,
        looks=study.declared_looks, runs=len(plan.runs),
        ended=sum(run.key in outcomes for run in plan.runs), taken_over=len(taken),
        training=_training(stacks, costs, workers),
        notes=tuple(filter(None, (*about_data, *about_grid, *advice))),
    )  # fmt: skip
    if emit:
        emit(found)
        return
    click.echo(f"{study.name}: {study.question}")
    if found.code:
        click.echo(f"runs the code of {', '.join(found.code)}")
    click.echo(f"data: {plan.data.name}, {plan.data.size}, digest {plan.data.digest[:12]}")
    for line in (*about_data, *_table(found.variants)):
        click.echo(line)
    cells = sum(1 for _ in study.cells())
    tuned = "".join(f" × {len(levels)} {field}" for field, levels in study.tuned.items())
    most = "at most " if len(study.stage_ends) > 1 else ""
    click.echo(
        f"\n{counted(cells, 'variant')}{tuned} × {counted(len(study.seeds), 'seed')} = {most}"
        f"{counted(found.runs, 'run')}, {found.ended:,} of them ended"
    )
    until = " until the next look" if most else ""
    for line in (*filter(None, about_grid), _about_training(found.training, until), *advice):
        click.echo(line)


def _ended(
    uri: str | None, plan: "Plan", request: "Request"
) -> tuple[Mapping[str, str], list[str]]:
    """Outcomes by key of the runs that the store holds, and what to say of these and others."""
    from harness.store.peek import surely_new

    if surely_new(uri, plan.study.name):  # without loading MLflow
        return {}, []
    from harness.store.doctor import doubtful
    from harness.store.remarks import on_doubtful
    from harness.store.selection import known_runs
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
    taken = f"{counted(len(found), 'run')} will be {about_taken(found)}"
    return set(found), [taken] if found else []


def _needed(uri: str | None, plan: "Plan") -> tuple[list["Run"], list[str]]:
    """The runs that the study needs as far as is known, and what to say about its looks."""
    from harness.store.peek import surely_new

    study, ends = plan.study, plan.study.stage_ends
    if len(ends) == 1:
        return plan.runs, []
    first, cells = set(study.seeds[: ends[0]]), len(plan.runs) // len(study.seeds)
    remarks = [
        f"looks at {', '.join(map(str, study.declared_looks))} seeds: {cells * ends[0]:,} runs "
        f"until the first look, at most {len(plan.runs):,} in total"
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


def _variants(
    plan: "Plan", needed: list["Run"], outcomes: Mapping[str, str]
) -> "Iterator[PlannedVariant]":
    """The variants: parameters of the network, and how many seeds ended or diverged."""
    from harness.cli.documents import PlannedVariant

    by_variant: dict[str, list[Run]] = {}
    for run in plan.runs:
        by_variant.setdefault(run.variant, []).append(run)
    counted, costs = {run.key for run in needed} | outcomes.keys(), plan.costs
    for variant, alike in by_variant.items():
        known = [outcomes[run.key] for run in alike if run.key in outcomes]
        yield PlannedVariant(
            variant=variant, levels=alike[0].cell, parameters=costs(alike[0].fields).parameters,
            runs=sum(run.key in counted for run in alike), ended=len(known),
            diverged=known.count("diverged"),
        )  # fmt: skip


def _training(stacks: "Sequence[Stack]", costs: "Costs", workers: int) -> "Training":
    """What these stacks take."""
    from harness.cli.documents import Training
    from harness.study.speed import expected_seconds

    seconds, measured = expected_seconds(stacks, costs, workers)
    sizes = [len(stack.runs) for stack in stacks]
    members = (min(sizes), max(sizes)) if sizes else None
    return Training(runs=sum(sizes), stacks=len(stacks), members=members, workers=workers,
                    seconds=seconds, measured=measured)  # fmt: skip


def _table(variants: "Sequence[PlannedVariant]") -> Iterator[str]:
    """The variants for people."""
    width = max(len(one.variant) for one in variants)
    yield f"\n{'variant':{width}}  parameters   ended  diverged"
    for one in variants[:SHOWN]:
        ended = f"{one.ended}/{one.runs}"
        yield f"{one.variant:{width}}  {one.parameters:10,}  {ended:>6}  {one.diverged or '':>8}"
    if len(variants) > SHOWN:
        yield f"… and {len(variants) - SHOWN:,} more variants"


def _about_training(training: "Training", until: str) -> str:
    """What would be trained, as a line."""
    from harness.study.speed import format_duration

    if training.members is None:
        return "nothing to train"
    least, most = training.members
    members = counted(most, "member") if least == most else f"{least} to {most} members"
    guess = "" if training.measured else " (a rough estimate; --calibrate measures this machine)"
    return (
        f"to train{until}: {counted(training.runs, 'run')} in "
        f"{counted(training.stacks, 'stack')} of {members}, about "
        f"{format_duration(training.seconds)} on {counted(training.workers, 'worker')}{guess}"
    )


def _calibrate(plan: "Plan", runs: "tuple[Run, ...]") -> float:
    """Worker-seconds that training these runs takes, from a few hundred steps of them stacked."""
    from harness.training.minibatches import Minibatches

    fields, seeds = runs[0].fields, [run.seed for run in runs]
    members = plan.subject.start([run.fields for run in runs], seeds, plan.data)
    examples = [plan.data.examples(run.fields, run.seed) for run in runs]
    minibatches = Minibatches(seeds, examples, fields.batch)
    began, timed_from = time.perf_counter(), 0
    for step in range(0, WARM_UP + TIMED, members.at_once):
        if timed_from < WARM_UP <= step:
            began, timed_from = time.perf_counter(), step
        end = step + members.at_once
        taken = members.advance(step, minibatches.between(step, end), probe=False)
        if not taken.taken.all():
            break
    return (time.perf_counter() - began) / (end - timed_from) * float(fields.steps)
