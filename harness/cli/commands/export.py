"""`ablate export`: a study's runs for other programs."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.options import json_option, pass_store, study_argument, study_name

if TYPE_CHECKING:
    from harness.cli.documents import Emit


@click.command()
@study_argument
@click.option(
    "--to",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Where to; default: exports/STUDY.",
)
@json_option
@pass_store
def command(uri: str | None, study: str, folder: Path | None, emit: "Emit | None") -> None:
    """Write the runs of STUDY as tidy tables, each as CSV and as Parquet.

    `runs` has one row a run; `curves`, `layers`, `weights` and `histograms` one row a value. Runs
    that others logged to the study's experiment are marked by `ours` = false; reports leave them
    out.
    """
    from harness.analysis.export import export
    from harness.cli.documents import ExportedTable, ExportedTables
    from harness.store.reading import read_all
    from harness.store.store import Store

    name = study_name(study)
    folder = folder or Path("exports") / name
    stored = read_all(Store.existing(uri), name)
    counts, lost = export(stored, folder), stored.about_unread()
    if emit:
        tables = (
            ExportedTable(name=table, rows=count, files=tuple(
                str(folder / f"{table}.{form}") for form in ("csv", "parquet")
            ))
            for table, count in counts.items()
        )  # fmt: skip
        emit(ExportedTables(study=name, tables=tuple(tables), notes=(lost,) if lost else ()))
        return
    for table, count in counts.items():
        click.echo(f"{folder / table}.csv, .parquet: {count:,} rows")
    if lost:
        click.echo(lost, err=True)
