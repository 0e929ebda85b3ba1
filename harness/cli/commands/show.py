"""`ablate show`: look inside one run."""

from typing import TYPE_CHECKING

import click

from harness.cli.options import (
    complete_levels,
    data_from_environment,
    data_option,
    json_option,
    naming,
    pass_store,
    steps_option,
)
from harness.errors import UserError

if TYPE_CHECKING:
    from harness.cli.documents import Emit, RunView
    from harness.store.store import Store
    from harness.store.stored import StoredRun
    from harness.study.request import Request


@click.command()
@click.argument(
    "names",
    nargs=-1,
    required=True,
    metavar="RUN | STUDY [FACTOR=LEVEL]... [seed=N]",
    shell_complete=complete_levels,
)
@steps_option
@data_option
@json_option
@pass_store
def command(
    uri: str | None,
    names: tuple[str, ...],
    steps: int | None,
    data: str | None,
    emit: "Emit | None",
) -> None:
    """Show the last measurements inside one run.

    RUN is an MLflow run id, a run key or its first letters, or a run's name. To name a run of
    STUDY, say where its variant differs from the baseline, and give its seed; default: the first
    finished run.
    """
    from harness.output import wrapped_line
    from harness.store.store import Store
    from harness.store.stored import find_run
    from harness.study.files import is_study
    from harness.study.request import Request

    store, (first, *levels) = Store.existing(uri), names
    if is_study(first):
        request = Request(first, steps, None, data, data_from_environment())
        found = run_of_study(store, request, levels)
    elif levels:
        raise UserError(
            "show takes one run: RUN, or STUDY with levels",
            " ".join(names),
            "Write ablate show STUDY FACTOR=LEVEL seed=N.",
        )
    else:
        found = find_run(store, first)
    if emit:
        emit(_view(found))
        return
    click.echo(found.name)
    click.echo(f"run {found.run_id}, key {found.key}, data {found.trained.facts['name']}")
    for line in found.subject.inspect(found.trained):
        click.echo(wrapped_line(line))


def run_of_study(
    store: "Store", request: "Request", words: list[str], seed: int | None = None
) -> "StoredRun":
    """The finished run of a study that some words mean, such as "norm=batch" and "seed=3".

    What was taken of the study, and what was passed over, is said on stderr.

    Args:
        store: where it is.
        request: the study.
        words: where its variant differs from the baseline, and the seed.
        seed: if no word names one.

    Raises:
        UserError: there is no such run.
    """
    from harness.store.selection import select
    from harness.store.stored import find_variant
    from harness.study.levels import parse_run

    with naming(request.typed):
        selected, notes = select(store, request)
        study = selected["study"]
        levels, named = parse_run(words, study.varied)
        found = find_variant(
            store,
            study,
            selected["data_digest"],
            study.baseline | levels,
            seed if named is None else named,
        )
    for note in (*notes, *(f"skipped: {why}" for why in found.passed_over)):
        click.echo(note, err=True)
    return found


def _view(found: "StoredRun") -> "RunView":
    """A run for programs, with all numbers that the store has of it."""
    from harness.cli.documents import RunView

    trained = found.trained
    return RunView(
        name=found.name, run_id=found.run_id, run_key=found.key, subject=found.subject.name,
        data=str(trained.facts["name"]), seed=trained.seed, outcome=trained.outcome,
        fields=trained.fields.model_dump(mode="json"), metrics=found.metrics,
        inside=tuple(found.subject.inspect(trained)),
    )  # fmt: skip
