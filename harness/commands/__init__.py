"""The command line: one module a command, each parsing, calling one function, and echoing."""

import os
import sys
from importlib import import_module
from pathlib import Path
from typing import NoReturn

import click

from harness.errors import Unreachable, UserError
from harness.interrupt import INTERRUPTED, leaving_at_once

COMMANDS = sorted(
    {path.stem for path in Path(__file__).parent.glob("*.py")} - {"__init__", "options"}
)


class Commands(click.Group):
    """A group that imports a command's module when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Names of all commands, one a module."""
        return COMMANDS

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:  # noqa: ARG002
        """The command of that name, if there is one."""
        if name not in COMMANDS:
            return None
        command: click.Command = import_module(f"harness.commands.{name}").command
        return command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--tracking-uri", envvar="MLFLOW_TRACKING_URI", metavar="URI",
    help="MLflow store; default: mlflow.db in this directory.",
)  # fmt: skip
@click.version_option(package_name="ablation-harness")
@click.pass_context
def ablate(ctx: click.Context, tracking_uri: str | None) -> None:
    """Ablation studies of neural networks: every variant, several seeds, honest answers."""
    ctx.obj = tracking_uri


def main() -> None:
    """Run the command line; a user's mistake becomes one message and exit code 2."""
    try:
        with leaving_at_once():
            ablate()
    except UserError as error:
        _refuse(error)
    except Unreachable as error:
        _refuse(
            UserError("the store must answer", str(error),
                      "Start its server, or give another --tracking-uri.")
        )  # fmt: skip
    except SystemExit as end:
        if end.code == INTERRUPTED:
            sys.stdout.flush()
            os._exit(INTERRUPTED)  # clearing torch and MLflow away would take seconds more
        raise


def _refuse(error: UserError) -> NoReturn:
    click.echo(f"error: {error}", err=True)
    sys.exit(2)
