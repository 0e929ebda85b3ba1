"""Options that several commands take alike."""

import re
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click
import click.shell_completion

from harness.errors import UserError
from harness.study.seeds import seeds_of

MOST_SEEDS = 10_000

Command = TypeVar("Command", bound=Callable[..., Any])

data_option = click.option(
    "--data", metavar="DATA", envvar="ABLATE_DATA", help="Training data: a name or a file."
)
steps_option = click.option(
    "--steps",
    type=click.IntRange(1),
    help="Training steps of each run; default: as the study says.",
)
workers_option = click.option(
    "--workers",
    type=click.IntRange(1),
    metavar="N",
    help="Worker processes; default: one per core.",
)


class SeedList(click.ParamType[tuple[int, ...]]):
    """A number of seeds ("5" means 1 to 5), or a list of seeds and ranges ("2,4-6")."""

    name = "seeds"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        """The seeds, distinct, in the order given."""
        if isinstance(value, tuple):
            return value
        text = str(value)
        count = re.fullmatch(r"\d{1,5}", text)
        seeds = tuple(range(1, int(text) + 1)) if count else seeds_of(text, MOST_SEEDS)
        if not 0 < len(seeds) <= MOST_SEEDS:
            self.fail(
                f"{value!r} must name 1 to {MOST_SEEDS:,} seeds: a number, or a list such as 2,4-6",
                param,
                ctx,
            )
        return seeds


seeds_option = click.option(
    "--seeds",
    type=SeedList(),
    metavar="N|LIST",
    help="Seeds: 5 means 1 to 5; or a list such as 2,4-6.",
)


def complete_studies(
    context: click.Context,  # noqa: ARG001 - click's signature
    parameter: click.Parameter,  # noqa: ARG001
    incomplete: str,
) -> list[click.shell_completion.CompletionItem]:
    """For a shell: the studies whose names begin like this, or else study files."""
    from harness.study.files import study_names

    names = [name for name in study_names() if name.startswith(incomplete)]
    item = click.shell_completion.CompletionItem
    return [item(name) for name in names] or [item(incomplete, type="file")]


def complete_levels(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[click.shell_completion.CompletionItem]:
    """For a shell: factor=level of the study that was named, seed=N, or else studies."""
    from harness.study.files import load_study
    from harness.study.levels import format_level

    named = [context.params.get("study"), *(context.params.get("names") or ())]
    study = next(filter(None, named), None)
    if study is None:
        return complete_studies(context, parameter, incomplete)
    try:
        found = load_study(study)
    except UserError:
        return []
    words = [f"{f}={format_level(one)}" for f, levels in found.varied.items() for one in levels]
    words += [f"seed={seed}" for seed in found.seeds]
    return [
        click.shell_completion.CompletionItem(word) for word in words if word.startswith(incomplete)
    ]


study_name_argument = click.argument("study", shell_complete=complete_studies)


def data_from_environment() -> bool:
    """Whether the command's --data come from ABLATE_DATA rather than from the command line."""
    source = click.get_current_context().get_parameter_source("data")
    return source is click.core.ParameterSource.ENVIRONMENT


@contextmanager
def naming(study: str) -> Iterator[None]:
    """Within the block, commands for STUDY in a message name it as the user did."""
    try:
        yield
    except UserError as error:
        received, remedy = (named(str(said), study) for said in (error.received, error.remedy))
        raise UserError(error.rule, received, remedy) from None


def named(text: str, study: str) -> str:
    """A text whose commands for STUDY name it as the user did."""
    return re.sub("ablate (run|report) STUDY", lambda command: f"ablate {command[1]} {study}", text)


def runnable(study: str) -> str:
    """A study as `ablate run` takes it, where only its name in the store needs to be right."""
    from harness.study.files import find_study

    file = find_study(study)
    return shlex.quote(study) if file and file.is_file() else "STUDY"


def study_argument(command: Command) -> Command:
    """STUDY alone, which remedies name."""

    @wraps(command)
    def with_study(*args: Any, study: str, **others: Any) -> Any:
        with naming(runnable(study)):
            return command(*args, study=study, **others)

    found: Command = study_name_argument(with_study)  # type: ignore[assignment]
    return found


def study_options(command: Command) -> Command:
    """STUDY, --steps, --seeds and --data, which reach the command as one `Request`."""

    @wraps(command)
    def with_request(
        *args: Any,
        study: str,
        steps: int | None,
        seeds: tuple[int, ...] | None,
        data: str | None,
        environment: bool | None = None,
        **others: Any,
    ) -> Any:
        from harness.study.request import Request

        if environment is None:  # else another command has passed its request on
            environment = data_from_environment()
        request = Request(study, steps, seeds, data, environment)
        with naming(request.typed):
            return command(*args, request=request, **others)

    wrapped: Any = with_request
    for option in (data_option, seeds_option, steps_option, study_name_argument):
        wrapped = option(wrapped)
    found: Command = wrapped
    return found


def _take_store(context: click.Context, _: click.Parameter, uri: str | None) -> None:
    context.obj = uri or context.obj


# may stand after a command's name as well as before it
tracking_uri_option = click.option(
    "--tracking-uri", hidden=True, expose_value=False, callback=_take_store
)


def pass_store(command: Command) -> Command:
    """The tracking URI as the first argument; says which store is used where it is one above."""

    @click.pass_obj
    @wraps(command)
    def with_store(uri: str | None, *args: Any, **options: Any) -> Any:
        from harness.store.uri import found_above

        if found := found_above(uri):
            click.echo(f"store: {found}, in a directory above", err=True)
        return command(uri, *args, **options)

    found: Command = tracking_uri_option(with_store)  # type: ignore[assignment]
    return found


def json_option(command: Command) -> Command:
    """--json, which reaches the command as `emit`: prints a document, or None where people read.

    What else is printed meanwhile, by a user's file for instance, goes to standard error.
    """

    @click.option(
        "--json", "as_json", is_flag=True, help="Print JSON for programs; see `ablate schema`."
    )
    @wraps(command)
    def with_emit(*args: Any, as_json: bool, emit: Any = None, **options: Any) -> Any:
        if emit or not as_json:  # another command may have passed its own on
            return command(*args, emit=emit, **options)
        from harness.cli.documents import printing

        emit = printing(sys.stdout)
        with redirect_stdout(sys.stderr):
            return command(*args, emit=emit, **options)

    found: Command = with_emit  # type: ignore[assignment]
    return found


def study_name(study: str) -> str:
    """The name that a study has in the store: its file need not be there any more."""
    return Path(study).stem if study.endswith(".toml") else study


def cpu_only(ctx: click.Context, param: click.Parameter, value: str) -> None:  # noqa: ARG001
    """Refuse every device but the CPU."""
    if value != "cpu":
        raise UserError(
            "--device must be cpu: other devices are not supported yet",
            f"--device {value}",
            "Leave --device out; training uses all CPU cores.",
        )
