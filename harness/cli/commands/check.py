"""`ablate check`: try what a study would train, before it is trained."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.options import study_options, tracking_uri_option

if TYPE_CHECKING:
    from harness.study.request import Request


@click.command()
@study_options
@tracking_uri_option  # as of the other commands: nothing is stored
def command(request: "Request") -> None:
    """Check STUDY, or a model file, with a few training steps.

    A study is checked with one variant for each level; a .py file with the defaults of its fields.
    `ablate run` makes the same checks before it trains. Exits with 2 if a check fails.
    """
    from harness.study.plan import one_of_each_level
    from harness.subjects import find_subject

    if request.study.endswith(".py"):
        subject = find_subject(request.study)
        data = subject.load(None if request.environment else request.data, Path())
        _echo("defaults of its fields", subject.check(subject.Fields(), data))
        return
    plan = request.resolve()
    for run in one_of_each_level(plan.runs):
        _echo(run.variant, plan.subject.check(run.fields, plan.data))


def _echo(what: str, lines: Iterable[str]) -> None:
    click.echo(what)
    for line in lines:
        click.echo(f"  ok  {line}")
