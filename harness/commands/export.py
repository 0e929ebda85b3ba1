"""`ablate export`: a study's runs for other programs."""

from pathlib import Path

import click

from harness.commands.options import study_name


@click.command()
@click.argument("study")
@click.option(
    "--to",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Where to; default: exports/STUDY.",
)
@click.pass_obj
def command(uri: str | None, study: str, folder: Path | None) -> None:
    """Write the runs of STUDY as tidy tables, each as CSV and as Parquet.

    `runs` has one row a run; `curves`, `layers`, `updates` and `histograms` one row a value. Runs
    that others logged to the study's experiment are marked by `ours` = no; reports leave them out.
    """
    from harness.tracking.export import export

    name = study_name(study)
    folder = folder or Path("exports") / name
    rows = export(uri, name, folder)
    for table, count in rows.items():
        click.echo(f"{folder / table}.csv, .parquet: {count:,} rows")
