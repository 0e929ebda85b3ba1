"""`ablate prune`: remove a study's runs for good."""

import sys

import click

from harness.commands.options import study_name


@click.command()
@click.argument("study")
@click.option("--yes", is_flag=True, help="Remove without asking.")
@click.pass_obj
def command(uri: str | None, study: str, yes: bool) -> None:
    """Remove the runs, models and artifacts of STUDY for good, and what of it waits on disk.

    Also where the study's experiment lies in MLflow's bin. Study files and reports stay.
    """
    from harness.errors import UserError
    from harness.tracking.prune import doomed, remove

    found = doomed(uri, study_name(study))
    if not yes:
        if not sys.stdin.isatty():
            raise UserError("prune asks before it removes", "no terminal", "Add --yes.")
        click.echo(str(found))
        click.confirm("Remove all of it for good?", abort=True)
    left = remove(found)
    click.echo(f"removed: {found}")
    for sentence in left:
        click.echo(sentence)
