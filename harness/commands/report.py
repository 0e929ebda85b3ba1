"""`ablate report`: what follows from a study's runs, as tables, figures and text."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.commands.options import study_options

if TYPE_CHECKING:
    from harness.analysis.frames import StudyData


@click.command()
@study_options
@click.option("--figure", metavar="NAME", help="Remake this figure only.")
@click.option(
    "--format",
    "formats",
    default="png,svg",
    metavar="LIST",
    help="Formats of the figures' files, of png, svg, pdf; default: png,svg.",
)
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Where to; default: reports/STUDY.",
)
@click.pass_obj
def command(
    uri: str | None, /, study: str, steps: int | None, seeds: tuple[int, ...] | None,
    data: str | None, figure: str | None, formats: str, output: Path | None,
) -> None:  # fmt: skip
    """Write the report of STUDY from what the store holds; train nothing.

    Nothing is remade where nothing has changed.
    """
    from harness.report import build

    tables = stored(uri, study, steps, seeds, data)
    click.echo(f"{tables.study.name}: {len(tables.runs):,} runs read")
    forms = tuple(dict.fromkeys(form.strip() for form in formats.split(",")))
    built = build(tables, output or Path("reports") / tables.study.name, forms, figure)
    click.echo(f"{built.page}" if built.remade else f"{built.page} (nothing has changed)")


def stored(
    uri: str | None, study: str, steps: int | None, seeds: tuple[int, ...] | None, data: str | None
) -> "StudyData":
    """The study as the store holds it.

    Raises:
        UserError: there is no such study, or the store cannot be read.
    """
    from harness.corpus import load_corpus
    from harness.errors import UserError
    from harness.study import load_study
    from harness.tracking import Unreachable, read_study

    name = load_study(study).name
    digest = load_corpus(data).digest if data else None
    try:
        return read_study(uri, name, steps=steps, seeds=seeds, data_digest=digest)
    except Unreachable as error:
        raise UserError(
            "the store must answer", str(error), "Start its server, or give another --tracking-uri."
        ) from None
