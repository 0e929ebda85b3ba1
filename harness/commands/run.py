"""`ablate run`: train what is missing of a study."""

import sys
from typing import Any

import click

from harness.commands.options import cpu_only, study_options
from harness.commands.report import command as reporting


@click.command()
@study_options
@click.option(
    "--workers", type=click.IntRange(1), metavar="N", help="Worker processes; default: cores."
)
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    help="Train in processes of this machine, or on a Ray cluster.",
)
@click.option(
    "--address",
    metavar="HOST:PORT",
    help="A running Ray cluster, or auto; default: RAY_ADDRESS, or one started for this command.",
)
@click.option(
    "--device", default="cpu", expose_value=False, callback=cpu_only, help="Only cpu, so far."
)
@click.option("--yes", is_flag=True, help="Train a very large grid without asking.")
@click.option("--report", is_flag=True, help="Then write the report, as `ablate report` does.")
@click.pass_context
def command(context: click.Context, /, study: str, report: bool, **chosen: Any) -> None:
    """Train what is missing of STUDY, and log every run to MLflow.

    A run that has ended is never trained again; an interrupted command goes on where it stopped.
    """
    from harness.session import DONE, run_session

    code = run_session(context.obj, study, **chosen)
    if report and code == DONE:
        which = {name: chosen[name] for name in ("steps", "seeds", "data")}
        context.invoke(reporting, study=study, **which)
    sys.exit(code)
