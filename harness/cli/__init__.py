"""The command line: `commands/` has one module per command; each parses, calls, and echoes.

`options.py` holds the options that commands share, `session.py` is one session of `ablate run`,
`progress.py` displays progress, `signals.py` handles Ctrl-C, SIGTERM and SIGHUP. `documents.py`
says what --json prints, `events.py` that of `ablate run`. Commands import what they use when they
are called, so that `--help` is quick. May import: everything.
"""

import os
import sys
import warnings
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, NoReturn

import click

from harness.cli import commands
from harness.cli.signals import INTERRUPTED, exit_at_once
from harness.errors import Locked, Unreachable, UserError
from harness.files import refusal
from harness.output import open_output

COMMANDS = sorted(module.name for module in iter_modules(commands.__path__))


class Commands(click.Group):
    """A group that imports a command's module when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Names of all commands, one a module."""
        return COMMANDS

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:  # noqa: ARG002
        """The command of that name, if there is one."""
        if name not in COMMANDS:
            return None
        command: click.Command = import_module(f"{commands.__name__}.{name}").command
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; what is wrong with its options is also said in JSON, if that is wanted."""
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            _say_in_json(
                UserError(
                    "a command must be written as its --help says",
                    error.format_message(),
                    "See the --help of the command.",
                )
            )
            raise


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--tracking-uri",
    envvar="MLFLOW_TRACKING_URI",
    metavar="URI",
    help="MLflow store; default: mlflow.db in this directory or the nearest one above.",
)
@click.version_option(package_name="ablation-harness")
@click.pass_context
def ablate(ctx: click.Context, tracking_uri: str | None) -> None:
    """Run ablation studies of neural networks over several seeds, with intervals and verdicts."""
    ctx.obj = tracking_uri


def main() -> None:
    """Run the command line; a user's mistake becomes one message and exit code 2."""
    show_warnings()
    os.environ["MPLBACKEND"] = "agg"  # figures go to files; a notebook's shell passes on its own
    printed = open_output()
    try:
        _run()
    except SystemExit as end:
        sys.stdout.flush()
        if end.code == INTERRUPTED:
            os._exit(INTERRUPTED)  # unloading torch and MLflow would take seconds more
        if printed and printed.lost and not end.code:
            _refuse(
                UserError(
                    "the output of the command must be writable",
                    f"{printed.lost.strerror}: stdout",
                    "Everything else is done. Free some space, and run the same command again.",
                )
            )
        raise


def _run() -> None:
    try:
        require_folder()
        with exit_at_once():
            ablate()
    except UserError as error:
        _refuse(error)
    except Locked as error:
        _refuse(
            UserError(
                "no other process may lock the MLflow database",
                str(error),
                "Wait for that process, or stop it; nothing is lost, and the same command then "
                "continues.",
            )
        )
    except Unreachable as error:
        _refuse(
            UserError(
                "the store must answer",
                str(error),
                "Start its server, or name another store with --tracking-uri.",
            )
        )
    except (OSError, MemoryError, ImportError) as error:
        if (refused := refusal(error)) is None:
            raise
        _refuse(refused)


def show_warnings() -> None:
    """Show warnings where the environment makes errors of them: those of libraries end nothing.

    In the processes that this one starts as well.
    """
    actions = [option.partition(":")[0] for option in sys.warnoptions]
    if any(action and "error".startswith(action) for action in actions):
        os.environ["PYTHONWARNINGS"] = "default"
        # Python takes those of -b out of the list when it starts another process
        of_bytes = [option for option in sys.warnoptions if option.endswith("::BytesWarning")]
        sys.warnoptions[:] = ["default", *of_bytes]
        warnings.simplefilter("default")


def require_folder() -> None:
    """Check that there is a working directory: paths are relative to it.

    Raises:
        UserError: it was removed.
    """
    try:
        os.getcwd()
    except FileNotFoundError:
        raise UserError(
            "the working directory must exist",
            "one that was removed",
            "Change to another directory.",
        ) from None


def _refuse(error: UserError) -> NoReturn:
    click.echo(f"error: {error}", err=True)
    _say_in_json(error)
    sys.exit(2)


def _say_in_json(error: UserError) -> None:
    """Print a mistake for programs, if the command line has --json."""
    if "--json" in sys.argv:
        from harness.cli.documents import Mistake, printing

        printing(sys.stdout)(Mistake.of(error))
