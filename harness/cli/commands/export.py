"""`ablate export`: a study's runs for other programs."""

from pathlib import Path

import click

from harness.cli.options import pass_store, study_argument, study_name


@click.command()
@study_argument
@click.option(
    "--to",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Where to; default: exports/STUDY.",
)
@pass_store
def command(uri: str | None, study: str, folder: Path | None) -> None:
    """Write the runs of STUDY as tidy tables, each as CSV and as Parquet.

    `runs` has one row a run; `curves`, `layers`, `probes`, `weights` and `histograms` one row a
    value. Runs that others logged to the study's experiment are marked by `ours` = false; reports
    leave them out.
    """
    from harness.analysis.export import export
    from harness.store.reading import read_all
    from harness.store.store import Store

    name = study_name(study)
    folder = folder or Path("exports") / name
    stored = read_all(Store.existing(uri), name)
    for table, count in export(stored, folder).items():
        click.echo(f"{folder / table}.csv, .parquet: {count:,} rows")
    if lost := stored.about_unread():
        click.echo(lost, err=True)
