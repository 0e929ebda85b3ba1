"""`ablate run`: train what is missing of a study."""

import sys
from typing import TYPE_CHECKING

import click

from harness.cli.commands.report import command as reporting
from harness.cli.options import (
    cpu_only,
    json_option,
    study_options,
    tracking_uri_option,
    workers_option,
)

if TYPE_CHECKING:
    from harness.cli.documents import Emit
    from harness.study.request import Request


@click.command()
@study_options
@workers_option
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    help="Train in local processes, or on a Ray cluster.",
)
@click.option(
    "--address",
    metavar="HOST:PORT",
    help="Address of a Ray cluster, or auto; default: RAY_ADDRESS, or a new local Ray.",
)
@click.option(
    "--device", default="cpu", expose_value=False, callback=cpu_only, help="Only cpu, so far."
)
@click.option("--yes", is_flag=True, help="Train a very large grid without confirmation.")
@click.option(
    "--repair", is_flag=True, help="Also retrain runs that lost files or were changed by hand."
)
@click.option("--report", is_flag=True, help="Write the report afterwards, like `ablate report`.")
@json_option
@tracking_uri_option
@click.pass_context
def command(
    context: click.Context,
    request: "Request",
    workers: int | None,
    engine: str,
    address: str | None,
    yes: bool,
    repair: bool,
    report: bool,
    emit: "Emit | None",
) -> None:
    """Train the missing runs of STUDY, and log each to MLflow.

    A finished run is never trained again, unless --repair finds that it lost files or was changed.
    To continue an interrupted study, run the same command again.
    """
    from harness.cli.session import DONE, EngineOptions, run_session

    options = EngineOptions(engine, address, workers)
    code = run_session(context.obj, request, options, any_size=yes, repair=repair, emit=emit)
    if report and code == DONE:
        context.invoke(reporting, **vars(request), emit=emit)
    sys.exit(code)
