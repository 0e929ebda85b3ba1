"""`ablate list`: the studies that come with the package."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from harness.cli.options import json_option
from harness.output import wrapped

if TYPE_CHECKING:
    from harness.cli.documents import Emit
    from harness.study.study import Study


@click.command()
@json_option
def command(emit: "Emit | None") -> None:
    """List the studies: name, size, question."""
    from harness.cli.documents import ListedStudy, StudyList

    studies = [
        ListedStudy(name=study.name, question=study.question, runs=study.size(),
                    at_most=len(study.stage_ends) > 1)
        for study in _loaded()
    ]  # fmt: skip
    if emit:
        emit(StudyList(studies=tuple(studies)))
        return
    width = max(len(study.name) for study in studies)
    for study in studies:
        most = " at most" if study.at_most else ""
        lead = f"{study.name:{width}}  {study.runs:5,} runs{most}  "
        click.echo(wrapped(lead, study.question))


def _loaded() -> "Iterator[Study]":
    """Every study that can be used; what is wrong with another is said."""
    from harness.errors import UserError
    from harness.study.files import load_study, study_names

    for name in study_names():
        try:
            yield load_study(name)
        except UserError as error:
            click.echo(f"not listed: {error}", err=True)
