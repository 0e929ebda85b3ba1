"""`ablate show`: look inside one run."""

import click

from harness.cli.options import pass_store


@click.command()
@click.argument("run")
@pass_store
def command(uri: str | None, run: str) -> None:
    """Show the inside of RUN: what was measured in it last, and what its subject says of it.

    RUN is an MLflow run id, a run key (or the first letters of one), or a run's name.
    """
    from harness.store.store import Store
    from harness.store.stored import find_run

    found = find_run(Store.existing(uri), run)
    click.echo(
        f"{found.name}  run {found.run_id}  key {found.key}  data {found.trained.facts['name']}"
    )
    for line in found.subject.inspect(found.trained):
        click.echo(line)
