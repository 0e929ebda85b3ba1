"""`ablate show`: look inside one run."""

from typing import TYPE_CHECKING

import click

from harness.cli.options import json_option, pass_store

if TYPE_CHECKING:
    from harness.cli.documents import Emit, RunView
    from harness.store.stored import StoredRun


@click.command()
@click.argument("run")
@json_option
@pass_store
def command(uri: str | None, run: str, emit: "Emit | None") -> None:
    """Show the inside of RUN: what was measured in it last, and what its subject says of it.

    RUN is an MLflow run id, a run key (or the first letters of one), or a run's name.
    """
    from harness.store.store import Store
    from harness.store.stored import find_run

    found = find_run(Store.existing(uri), run)
    if emit:
        emit(_view(found))
        return
    click.echo(
        f"{found.name}  run {found.run_id}  key {found.key}  data {found.trained.facts['name']}"
    )
    for line in found.subject.inspect(found.trained):
        click.echo(line)


def _view(found: "StoredRun") -> "RunView":
    """The same for programs, with all numbers that the store has of the run."""
    from harness.cli.documents import RunView

    trained = found.trained
    return RunView(
        name=found.name, run_id=found.run_id, run_key=found.key, subject=found.subject.name,
        data=str(trained.facts["name"]), seed=trained.seed, outcome=trained.outcome,
        fields=trained.fields.model_dump(mode="json"), metrics=found.metrics,
        inside=tuple(found.subject.inspect(trained)),
    )  # fmt: skip
