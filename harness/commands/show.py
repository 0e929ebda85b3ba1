"""`ablate show`: look inside one run."""

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd


@click.command()
@click.argument("run")
@click.pass_obj
def command(uri: str | None, run: str) -> None:
    """Show the activations, gradients and updates of RUN, layer by layer, and a checklist.

    RUN is an MLflow run id, a run key (or the first letters of one), or a run's name.
    """
    from harness.checklist import checklist
    from harness.tracking.stored import find_run

    found = find_run(uri, run)
    click.echo(f"{found.name}  run {found.run_id}  key {found.tags['run_key']}  "
               f"data {found.config['corpus']['corpus']}")  # fmt: skip
    for line in _tables(found.trace, found.fields.activation):
        click.echo(line)
    click.echo("\nchecklist")
    for check in checklist(found.trace, found.network, found.fields, found.tags["outcome"]):
        click.echo(f"  {'pass' if check.passed else 'FAIL'}  {check.says}: {check.rests_on}")


def _tables(trace: "pd.DataFrame", activation: str) -> "Iterator[str]":
    """The lecture's three tables, of the last minibatch looked into."""
    from harness.checklist import last

    if "mean" not in set(trace["series"]):
        yield "\nit diverged before anything was measured"
        return
    step = int(trace.loc[trace["series"] == "mean", "step"].max())
    yield f"\nactivations ({activation}, training mode, minibatch of step {step:,})"
    mean, std, saturation = (last(trace, name) for name in ("mean", "std", "saturation"))
    for layer in mean.index:
        saturated = f", saturated: {saturation[layer]:.2%}" if layer in saturation else ""
        yield f"layer {layer:2d}: mean {mean[layer]:+.2f}, std {std[layer]:.2f}{saturated}"
    yield "\ngradients by the outputs"
    for layer, value in last(trace, "gradient_std").items():
        yield f"layer {layer:2d}: std {value:e}"
    yield "\nupdate:data, log10"
    ends = {0: "embedding", len(mean) + 1: "last weight"}
    updates = last(trace, "update_data")
    for number in updates.index:
        yield f"{ends.get(number, f'weight {number}'):>12}: {updates[number]:+.2f}"
