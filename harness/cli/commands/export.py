"""`ablate export`: a study's runs for other programs."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.options import pass_store, study_options

if TYPE_CHECKING:
    from harness.study.request import Request


@click.command()
@study_options
@click.option(
    "--to",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Where to; default: exports/STUDY.",
)
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="All runs of the study's experiment; default folder: exports/STUDY-all.",
)
@pass_store
def command(uri: str | None, request: "Request", folder: Path | None, everything: bool) -> None:
    """Write the runs of STUDY as tidy tables, CSV and Parquet.

    `runs` has one row a run; `curves`, `layers`, `probes`, `weights` and `histograms` one row a
    value. With --all, runs with other steps, seeds, data and levels are among them, and those that
    others logged to the study's experiment, which are marked by `ours` = false.
    """
    from harness.analysis.export import export
    from harness.store.reading import read_all, read_study
    from harness.store.selection import folder_name, select
    from harness.store.store import Store

    store = Store.existing(uri)
    selected, notes = select(store, request)
    if everything:
        name, stored = f"{selected['name']}-all", read_all(store, selected["name"])
    else:
        name = folder_name(request, selected["study"])
        stored = read_study(store, **selected).as_logged()
        for note in notes:
            click.echo(note)
    folder = folder or Path("exports") / name
    for table, count in export(stored, folder).items():
        click.echo(f"{folder / table}.csv, .parquet: {count:,} rows")
    if lost := stored.about_unread():
        click.echo(lost, err=True)
