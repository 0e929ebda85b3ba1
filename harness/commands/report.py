"""`ablate report`: what follows from a study's runs, as tables, figures and text."""

from pathlib import Path

import click

from harness.commands.options import chosen, study_options


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
    from harness.report import build, unchanged
    from harness.tracking.afterwards import keep_report
    from harness.tracking.reading import fingerprint, read_study

    forms = tuple(dict.fromkeys(form.strip() for form in formats.split(",")))
    which = chosen(study, steps, seeds, data)
    store = fingerprint(uri, **which)
    folder = output or Path("reports") / which["name"]
    if figure is None and unchanged(folder, forms, store):
        click.echo(f"{folder / 'index.html'} (nothing has changed)")
        return
    tables = read_study(uri, **which)
    click.echo(f"{which['name']}: {len(tables.runs):,} runs read")
    built = build(tables, folder, forms, figure, store)
    click.echo(f"{built.page}" if built.remade else f"{built.page} (nothing has changed)")
    if built.remade:
        keep_report(uri, tables.facts["parent_run_id"], built.folder)
