"""Options that several commands take alike."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from harness.seeds import seeds_of

MOST_SEEDS = 10_000

Command = TypeVar("Command", bound=Callable[..., Any])


class SeedList(click.ParamType[tuple[int, ...]]):
    """A number of seeds ("5" means 1 to 5), or a list of seeds and ranges ("2,4-6")."""

    name = "seeds"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        """The seeds, distinct, in the order given."""
        if isinstance(value, tuple):
            return value
        seeds = _seeds(str(value))
        if not 0 < len(seeds) <= MOST_SEEDS:
            self.fail(
                f"{value!r} must name 1 to {MOST_SEEDS:,} seeds: a number, or a list such as 2,4-6",
                param,
                ctx,
            )
        return seeds


def _seeds(text: str) -> tuple[int, ...]:
    """The seeds that a text names; none if it is not in the form, or names far too many."""
    if re.fullmatch(r"\d{1,5}", text):
        return tuple(range(1, int(text) + 1))
    return seeds_of(text, MOST_SEEDS)


def study_options(command: Command) -> Command:
    """STUDY, --steps, --seeds and --data."""
    for option in (
        click.option("--data", metavar="FILE", envvar="ABLATE_DATA", help="Text, one item a line."),
        click.option("--seeds", type=SeedList(), metavar="N|LIST", help="How many, or which."),
        click.option("--steps", type=click.IntRange(1), help="Training steps of each run."),
        click.argument("study"),
    ):  # fmt: skip
        command = option(command)
    return command


def study_name(study: str) -> str:
    """The name that a study has in the store: its file need not be there any more."""
    return Path(study).stem if study.endswith(".toml") else study


def cpu_only(ctx: click.Context, param: click.Parameter, value: str) -> None:  # noqa: ARG001
    """Refuse every device but the CPU, plainly."""
    from harness.errors import UserError

    if value != "cpu":
        raise UserError(
            "runs are trained on the CPU, with every core; other devices are not supported yet",
            f"--device {value}", "Leave --device out.",
        )  # fmt: skip


def chosen(
    study: str, steps: int | None, seeds: tuple[int, ...] | None, data: str | None
) -> dict[str, Any]:
    """Which study of the store is meant: `read_study`'s arguments.

    Raises:
        UserError: there is no such study, or its data cannot be read.
    """
    from harness.corpus import load_corpus
    from harness.study import load_study

    digest = load_corpus(data).digest if data else None
    name = study_name(study) if study.endswith(".toml") else load_study(study).name
    return {"name": name, "steps": steps, "seeds": seeds, "data_digest": digest}
