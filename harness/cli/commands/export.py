"""`ablate export`: a study's runs for other programs."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.options import json_option, pass_store, study_options

if TYPE_CHECKING:
    from harness.cli.documents import Emit
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
@json_option
@pass_store
def command(
    uri: str | None, request: "Request", folder: Path | None, everything: bool, emit: "Emit | None"
) -> None:
    """Write the runs of STUDY as tidy tables, CSV and Parquet.

    `runs` has one row a run; `curves`, `layers`, `probes`, `weights` and `histograms` one row a
    value. With --all, runs with other steps, seeds, data and levels are among them, and those that
    others logged to the study's experiment, which are marked by `ours` = false.
    """
    from harness.analysis.export import export
    from harness.cli.documents import ExportedTable, ExportedTables
    from harness.store.reading import read_all, read_study
    from harness.store.selection import folder_name, select
    from harness.store.store import Store

    store = Store.existing(uri)
    selected, notes = select(store, request)
    if everything:
        name, stored, notes = f"{selected['name']}-all", read_all(store, selected["name"]), []
    else:
        name = folder_name(request, selected["study"])
        stored = read_study(store, **selected).as_logged()
    folder = folder or Path("exports") / name
    counts, lost = export(stored, folder), stored.about_unread()
    if emit:
        tables = (
            ExportedTable(name=table, rows=count, files=tuple(
                str(folder / f"{table}.{form}") for form in ("csv", "parquet")
            ))
            for table, count in counts.items()
        )  # fmt: skip
        said = (*notes, lost) if lost else tuple(notes)
        emit(ExportedTables(study=selected["name"], tables=tuple(tables), notes=said))
        return
    for note in notes:
        click.echo(note)
    for table, count in counts.items():
        click.echo(f"{folder / table}.csv, .parquet: {count:,} rows")
    if lost:
        click.echo(lost, err=True)
