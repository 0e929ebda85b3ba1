"""`ablate verify`: show that stacking changes nothing."""

import sys
from itertools import chain
from typing import TYPE_CHECKING, Any

import click

from harness.commands.options import study_options

if TYPE_CHECKING:
    from harness.verify import Finding


@click.command()
@study_options
@click.pass_obj
def command(uri: str | None, /, study: str, **chosen: Any) -> None:
    """Retrain sampled runs of STUDY alone and restacked, and against the textbook layers.

    Restacked, and against the store where it has the run, every bit must agree; against the
    textbook layers and autograd, in float64, each of the first 200 steps to 1e-9. Exits with 1 if
    one does not.
    """
    from harness import verify
    from harness.request import resolve
    from harness.tracking.afterwards import keep_verdict
    from harness.tracking.stored import find_key

    resolved, corpus, runs = resolve(study, **chosen)
    findings: list[Finding] = []
    for run in verify.sampled(runs):
        click.echo(f"{run.variant}, seed {run.seed}")
        alone, stored = verify.retrained(run, [], corpus), find_key(uri, resolved.name, run.key)
        comparisons = [
            verify.restacked(run, alone, runs, corpus),
            verify.against_textbook(run, runs, corpus),
        ]
        if stored:
            kept = {name: tensor.numpy() for name, tensor in stored.network.state().items()}
            comparisons.append(
                verify.bit_differences(run, "in the store", alone, kept, stored.trace)
            )
        for finding in chain.from_iterable(comparisons):
            click.echo(f"  {'ok ' if finding.passed else 'OFF'} {finding.compared}, "
                       f"{finding.quantity}: deviation {finding.deviation:.1e}")  # fmt: skip
            findings.append(finding)
    verdict = _verdict(findings)
    click.echo(f"\n{verdict}")
    keep_verdict(uri, resolved, corpus.digest, verdict)
    sys.exit(0 if all(finding.passed for finding in findings) else 1)


def _verdict(findings: "list[Finding]") -> str:
    from harness.verify import STEPS

    off = [finding for finding in findings if not finding.passed]
    worst = max(f.deviation for f in findings if f.allowed)
    runs = len({finding.run.key for finding in findings})
    if off:
        return f"NOT verified: {len(off)} of {len(findings)} comparisons of {runs} runs are off"
    return (
        f"verified on {runs} runs: bit-equal alone, restacked and in the store where it has them; "
        f"within {worst:.0e} of the textbook layers in float64 at each of {STEPS} steps"
    )
