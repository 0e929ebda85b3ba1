"""`ablate list`: the studies that come with the package."""

import click

from harness.output import wrapped


@click.command()
def command() -> None:
    """List the studies: name, size, question."""
    from harness.study.files import load_study, study_names

    names = study_names()
    width = max(map(len, names))
    for name in names:
        study = load_study(name)
        most = " at most" if len(study.stage_ends) > 1 else ""
        lead = f"{name:{width}}  {study.size():5,} runs{most}  "
        click.echo(wrapped(lead, study.question))
