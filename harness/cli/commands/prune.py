"""`ablate prune`: remove a study's runs for good."""

import sys

import click

from harness.cli.options import pass_store, study_argument, study_name


@click.command()
@study_argument
@click.option("--yes", is_flag=True, help="Remove without confirmation.")
@pass_store
def command(uri: str | None, study: str, yes: bool) -> None:
    """Permanently remove all runs of STUDY from the store.

    This also works if the study's experiment is deleted in MLflow. Study files and reports stay.
    """
    from harness.errors import UserError
    from harness.store.prune import plan_prune, prune
    from harness.store.store import Store
    from harness.store.uri import tracking_uri
    from harness.store.workspace import Workspace

    name = study_name(study)
    found = plan_prune(Store.existing(uri), name, Workspace.of(name, tracking_uri(uri)))
    if not yes:
        if not sys.stdin.isatty():
            raise UserError("prune needs a confirmation", "no terminal", "Add --yes.")
        click.echo(str(found))
        click.confirm("Remove all of this permanently?", abort=True)
    left = prune(found)
    click.echo(f"removed: {found}")
    for sentence in left:
        click.echo(sentence)
