"""`ablate run`: train what is missing of a study."""

import os
import sys
from typing import Any

import click

from harness.commands.options import study_options


@click.command()
@study_options
@click.option(
    "--workers", type=click.IntRange(1), metavar="N", help="Worker processes; default: cores."
)
@click.option("--yes", is_flag=True, help="Train a very large grid without asking.")
@click.pass_obj
def command(uri: str | None, /, study: str, workers: int | None, yes: bool, **chosen: Any) -> None:
    """Train what is missing of STUDY, and log every run to MLflow.

    A run that has ended is never trained again; an interrupted command goes on where it stopped.
    """
    from harness.session import run_session

    sys.exit(run_session(uri, study, workers=workers or os.cpu_count() or 1, yes=yes, **chosen))
