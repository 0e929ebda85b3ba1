"""`ablate list`: the studies that come with the package."""

from typing import TYPE_CHECKING

import click

from harness.cli.options import json_option
from harness.output import wrapped

if TYPE_CHECKING:
    from harness.cli.documents import Emit


@click.command()
@json_option
def command(emit: "Emit | None") -> None:
    """List the studies: name, size, question."""
    from harness.cli.documents import ListedStudy, StudyList
    from harness.study.files import load_study, study_names

    studies = [
        ListedStudy(name=study.name, question=study.question, runs=study.size(),
                    at_most=len(study.stage_ends) > 1)
        for study in map(load_study, study_names())
    ]  # fmt: skip
    if emit:
        emit(StudyList(studies=tuple(studies)))
        return
    width = max(len(study.name) for study in studies)
    for study in studies:
        most = " at most" if study.at_most else ""
        lead = f"{study.name:{width}}  {study.runs:5,} runs{most}  "
        click.echo(wrapped(lead, study.question))
