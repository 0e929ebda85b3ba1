"""`ablate verify`: show that stacking changes nothing, and that published runs can be had again."""

import sys
from collections.abc import Iterator
from itertools import chain
from math import inf
from typing import TYPE_CHECKING

import click

from harness.cli.options import (
    data_from_environment,
    data_option,
    pass_store,
    seeds_option,
    steps_option,
)
from harness.errors import counted

if TYPE_CHECKING:
    from harness.store.store import Store
    from harness.study.plan import Run
    from harness.study.request import Plan, Request
    from harness.subjects.subject import Comparison
    from harness.training.records import Result


@click.command()
@click.argument("studies", nargs=-1, metavar="STUDY")
@steps_option
@seeds_option
@data_option
@click.option(
    "--published",
    is_flag=True,
    help="Compare with the digests of published studies: those named, or all.",
)
@click.option(
    "--runs",
    type=click.IntRange(1),
    metavar="N",
    help="Number of runs of each published study; default: 1.",
)
@pass_store
def command(
    uri: str | None,
    studies: tuple[str, ...],
    steps: int | None,
    seeds: tuple[int, ...] | None,
    data: str | None,
    published: bool,
    runs: int | None,
) -> None:
    """Retrain a sample of runs of STUDY, and compare every bit.

    Each run is trained alone and in another stack. Every bit must agree, also with the store if it
    has the run. If the subject has reference code, numbers must agree to its tolerance. Exits with
    1 if something differs.

    With --published, retrain runs of the studies in reports/published, all or those named, and
    compare every bit of weights, samples and measurements with the digests there. The output names
    the first quantity and step that differ. This needs a subject that has the same bits on every
    machine.
    """
    from harness.errors import UserError
    from harness.study.request import Request

    if published and not (steps or seeds):
        sys.exit(_verify_published(studies, data, data_from_environment(), runs or 1))
    if published or runs:
        raise UserError(
            "--published takes --runs, but neither --steps nor --seeds; --runs needs --published",
            "another combination",
            "Leave out the options that do not fit.",
        )
    if len(studies) != 1:
        raise UserError("verify takes one STUDY", len(studies), "Name one, or add --published.")
    request = Request(studies[0], steps, seeds, data, data_from_environment())
    sys.exit(_verify_study(uri, request))


def _verify_published(
    names: tuple[str, ...], data: str | None, environment: bool, count: int
) -> int:
    """Train runs of published studies again, and print what differs; returns the exit code."""
    from harness.errors import UserError
    from harness.study.request import Request
    from harness.training.published import Published, per_machine, published_folders

    same, trained, compared = 0, 0, 0
    for folder in published_folders(names):
        edition = Published.load(folder)
        if not edition.study.model.same_bits:
            click.echo(f"{edition.name}: not compared: {per_machine(edition.study)}")
            continue
        chosen = edition.sampled(count)
        request = Request(edition.name, data=data or edition.data,
                          environment=environment or data is None)  # fmt: skip
        corpus = request.load_data(edition.study)
        if corpus.digest != edition.data_digest:
            raise UserError(
                f"{edition.name} must be trained on {edition.data}, as it was published",
                f"{corpus.name} (digest {corpus.digest[:16]}, not {edition.data_digest[:16]})",
                "Name this data with --data.",
            )
        click.echo(f"{edition.name}: {len(chosen)} of {counted(len(edition.rows), 'run')}")
        for run, difference in edition.compare(chosen, corpus):
            said = f"differs first in {difference}" if difference else "every bit is the same"
            click.echo(f"  {'OFF' if difference else 'ok '} {run.variant}, seed {run.seed}: {said}")
            same, trained = same + (not difference), trained + 1
        compared += 1
    verdict = "verified" if same == trained > 0 else "NOT verified"
    click.echo(
        f"\n{verdict}: {same} of {counted(trained, 'run')} of "
        f"{counted(compared, 'published study', 'published studies')} are the same"
    )
    return 0 if same == trained > 0 else 1


def _verify_study(uri: str | None, request: "Request") -> int:
    """Train sampled runs of a study again in several ways, and print what differs."""
    from harness.store.afterwards import keep_verification
    from harness.store.doctor import changed_runs
    from harness.store.peek import surely_new
    from harness.subjects.subject import Comparison
    from harness.training import verify

    plan = request.resolve()
    store = None
    if not surely_new(uri, plan.study.name):
        from harness.store.store import Store

        store = Store.existing(uri)
    found: list[Comparison] = []
    runs = verify.sampled(plan.runs)
    for run in runs:
        click.echo(f"{run.variant}, seed {run.seed}")
        alone = verify.retrain(run, [], plan.subject, plan.data)
        comparisons = [
            verify.restacked(run, alone, plan.runs, plan.subject, plan.data),
            verify.against_reference(run, plan.runs, plan.subject, plan.data),
        ]
        if store:
            comparisons.append(_against_store(store, plan, run, alone))
        for comparison in chain.from_iterable(comparisons):
            click.echo(
                f"  {'ok ' if comparison.passed else 'OFF'} {comparison.compared}, "
                f"{comparison.quantity}: deviation {comparison.deviation:.1e}"
            )
            found.append(comparison)
    keys = {run.key for run in plan.runs}
    for name in changed_runs(store, plan.study.name, keys) if store else ():
        click.echo(f"OFF digest: {name} was changed since it ended")
        found.append(Comparison("digest", name, inf, 0.0))
    conclusion = _conclusion(found, len(runs))
    click.echo(f"\n{conclusion}")
    if store and store.writable:
        keep_verification(store, plan.study, plan.data.digest, conclusion)
    elif store:
        click.echo("the store is read-only, so the result is not stored in it")
    return 0 if all(comparison.passed for comparison in found) else 1


def _against_store(
    store: "Store", plan: "Plan", run: "Run", alone: "Result"
) -> "Iterator[Comparison]":
    """The run as trained alone against what the store has of it, if it has something."""
    from harness.store.artifacts import NotWhole
    from harness.store.stored import find_key
    from harness.subjects.subject import Comparison
    from harness.training import verify

    try:
        stored = find_key(store, plan.study, run.key)
    except NotWhole as error:
        yield Comparison("in the store", str(error.received), inf, 0.0)
        return
    if stored:
        kept = stored.trained
        trace = {name: kept.trace[name].to_numpy() for name in kept.trace.columns}
        yield from verify.bit_differences("in the store", alone, kept.files, trace)
        yield from verify.number_differences("in the store", alone, plan.subject, stored.metrics)


def _conclusion(found: "list[Comparison]", runs: int) -> str:
    off = sum(not comparison.passed for comparison in found)
    if off:
        return f"NOT verified: {off} of {len(found)} comparisons of {counted(runs, 'run')} are off"
    text = (
        f"verified on {counted(runs, 'run')}: bit-equal alone, restacked and in the store "
        "where it has them"
    )
    tolerant = [comparison for comparison in found if comparison.allowed]
    if tolerant:
        worst = max(comparison.deviation for comparison in tolerant)
        text += f"; within {worst:.0e} of the {tolerant[0].compared}"
    return text
