"""`ablate export`: a study's runs for other programs."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.options import json_option, pass_store, study_name, study_options
from harness.errors import counted

if TYPE_CHECKING:
    from harness.analysis.frames import StudyData
    from harness.cli.documents import Emit, ExportedTable
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
    help="Export all runs of the study's experiment; default folder: exports/STUDY-all.",
)
@click.option(
    "--bins", is_flag=True, help="Write histograms too: every bin, some 130 kB for a run."
)
@click.option(
    "--latex", is_flag=True, help="Write LaTeX tables for a paper instead, with booktabs."
)
@click.option("--siunitx", is_flag=True, help="The same, with numbers typeset by siunitx 3.")
@click.option("--markdown", is_flag=True, help="The same tables as Markdown.")
@json_option
@pass_store
def command(
    uri: str | None,
    request: "Request",
    folder: Path | None,
    everything: bool,
    bins: bool,
    latex: bool,
    siunitx: bool,
    markdown: bool,
    emit: "Emit | None",
) -> None:
    """Write the runs of STUDY as tidy tables, CSV and Parquet.

    `runs` has one row per run; `curves`, `layers`, `probes` and `weights` have one row per value,
    and `histograms` (with --bins) one per bin. --all adds runs with other steps, seeds, data and
    levels, and runs that others logged to the study's experiment (with `ours` = false).

    The tables for a paper are `cells`, `effects` and `claims`. They have the numbers of the report:
    means over seeds ± half the interval, the best one marked, and notes on the verdicts.

    Files of an earlier export are replaced, others never.
    """
    from harness.analysis.export import export
    from harness.analysis.gather import gather
    from harness.cli.documents import ExportedTables
    from harness.errors import UserError
    from harness.store.naming import folder_name
    from harness.store.reading import read_all, read_study
    from harness.store.selection import select
    from harness.store.store import Store

    forms = {"latex": latex or siunitx, "siunitx": siunitx, "markdown": markdown}
    if everything and any(forms.values()):
        raise UserError(
            "tables for a paper need comparable runs",
            "--all with --latex, --siunitx or --markdown",
            "Leave one of them out.",
        )
    if bins and any(forms.values()):
        raise UserError(
            "tables for a paper have no histograms",
            "--bins with --latex, --siunitx or --markdown",
            "Leave one of them out.",
        )
    store, name, notes = Store.existing(uri), study_name(request.study), list[str]()
    if everything:
        stored, place = read_all(store, name), f"{name}-all"
    else:
        selected, notes = select(store, request)
        stored, place = read_study(store, **selected), folder_name(request, selected["study"])
    folder = folder or Path("exports") / place
    if any(forms.values()):
        tables = _for_a_paper(gather(stored), folder, forms, notes)
    else:
        logged = stored if everything else stored.as_logged()
        tables = _tidy(export(logged, folder, bins=bins), folder)
    if lost := stored.about_unread():
        notes.append(lost)
    if emit:
        emit(ExportedTables(study=name, tables=tables, notes=tuple(notes)))
        return
    for note in notes:
        click.echo(note, err=note == lost)
    for table in tables:
        first, *more = table.files
        others = "".join(f", {Path(file).suffix}" for file in more)
        click.echo(f"{first}{others}: {counted(table.rows, 'row')}")


def _tidy(counts: dict[str, int], folder: Path) -> "tuple[ExportedTable, ...]":
    """The tables that `export` has written, with their numbers of rows."""
    return tuple(_table(name, rows, folder, ("csv", "parquet")) for name, rows in counts.items())


def _for_a_paper(
    data: "StudyData", folder: Path, forms: dict[str, bool], notes: list[str]
) -> "tuple[ExportedTable, ...]":
    """Write cells, effects and claims in the forms that are wanted; adds what to know of them."""
    from harness.analysis.export import put_files
    from harness.analysis.integrity import require_comparable
    from harness.report.source import Source
    from harness.report.tables import paper_tables
    from harness.report.typeset import paper_files

    notes += [finding.message for finding in require_comparable(data)]
    tables = tuple(paper_tables(Source(data)))
    files = {name: text.encode() for name, text in paper_files(tables, **forms).items()}
    put_files(files, folder)
    endings = [ending for ending, form in (("tex", "latex"), ("md", "markdown")) if forms[form]]
    return tuple(_table(table.name, len(table.rows), folder, endings) for table in tables)


def _table(name: str, rows: int, folder: Path, endings: Sequence[str]) -> "ExportedTable":
    from harness.cli.documents import ExportedTable

    files = tuple(str(folder / f"{name}.{ending}") for ending in endings)
    return ExportedTable(name=name, rows=rows, files=files)
