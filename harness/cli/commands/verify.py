"""`ablate verify`: show that stacking changes nothing."""

import sys
from itertools import chain
from typing import TYPE_CHECKING

import click

from harness.cli.options import study_options

if TYPE_CHECKING:
    from harness.study.request import Request
    from harness.subjects.subject import Comparison


@click.command()
@study_options
@click.pass_obj
def command(uri: str | None, request: "Request") -> None:
    """Retrain sampled runs of STUDY alone and restacked, and against plain reference code.

    Restacked, and against the store where it has the run, every bit must agree; against the
    subject's reference code, where it has some, the numbers to its tolerance. Exits with 1 if one
    does not.
    """
    from harness.store.afterwards import keep_verification
    from harness.store.peek import surely_new
    from harness.store.stored import find_key
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
        if store and (stored := find_key(store, plan.study, run.key)):
            kept = stored.trained
            trace = {name: kept.trace[name].to_numpy() for name in kept.trace.columns}
            comparisons.append(verify.bit_differences("in the store", alone, kept.files, trace))
        for comparison in chain.from_iterable(comparisons):
            click.echo(
                f"  {'ok ' if comparison.passed else 'OFF'} {comparison.compared}, "
                f"{comparison.quantity}: deviation {comparison.deviation:.1e}"
            )
            found.append(comparison)
    conclusion = _conclusion(found, len(runs))
    click.echo(f"\n{conclusion}")
    if store:
        keep_verification(store, plan.study, plan.data.digest, conclusion)
    sys.exit(0 if all(comparison.passed for comparison in found) else 1)


def _conclusion(found: "list[Comparison]", runs: int) -> str:
    off = sum(not comparison.passed for comparison in found)
    if off:
        return f"NOT verified: {off} of {len(found)} comparisons of {runs} runs are off"
    text = f"verified on {runs} runs: bit-equal alone, restacked and in the store where it has them"
    tolerant = [comparison for comparison in found if comparison.allowed]
    if tolerant:
        worst = max(comparison.deviation for comparison in tolerant)
        text += f"; within {worst:.0e} of the {tolerant[0].compared}"
    return text
