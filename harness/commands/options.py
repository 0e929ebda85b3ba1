"""Options that several commands take alike."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])


class SeedList(click.ParamType):
    """A number of seeds ("5" means 1 to 5), or a list of seeds and ranges ("2,4-6")."""

    name = "seeds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The seeds as a tuple of distinct numbers."""
        if isinstance(value, tuple):
            return value
        try:
            if value.isdecimal():
                seeds = range(1, int(value) + 1)
            else:
                ends = [part.split("-") for part in value.split(",")]
                seeds = [s for end in ends for s in range(int(end[0]), int(end[-1]) + 1)]
        except ValueError:
            seeds = []
        if not seeds or len(seeds) > 10_000:
            self.fail(
                f"{value!r} is neither a number of seeds nor a list such as 2,4-6", param, ctx
            )
        return tuple(dict.fromkeys(seeds))


def study_options(command: Command) -> Command:
    """STUDY, --steps, --seeds and --data."""
    for option in (
        click.option("--data", metavar="FILE", envvar="ABLATE_DATA", help="Text file, one item a line."),
        click.option("--seeds", type=SeedList(), metavar="N|LIST", help="Number of seeds, or a list."),
        click.option("--steps", type=click.IntRange(1), help="Training steps of each run."),
        click.argument("study"),
    ):  # fmt: skip
        command = option(command)
    return command
