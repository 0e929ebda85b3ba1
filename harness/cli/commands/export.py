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
@click.option("--latex", is_flag=True, help="Write tables for a paper instead, for booktabs.")
@click.option("--siunitx", is_flag=True, help="The same, with numbers set by siunitx 3.")
@click.option("--markdown", is_flag=True, help="The same tables as Markdown.")
@pass_store
def command(
    uri: str | None, study: str, folder: Path | None, latex: bool, siunitx: bool, markdown: bool
) -> None:
    """Write the runs of STUDY as tidy tables, each as CSV and as Parquet.

    `runs` has one row a run; `curves`, `layers`, `weights` and `histograms` one row a value. Runs
    that others logged to the study's experiment are marked by `ours` = false; reports leave them
    out.

    Tables for a paper are `cells`, `effects` and `claims`, of the runs and with the numbers of the
    report: means over seeds ± half the interval, the best marked, and notes on verdicts below.
    """
    if latex or siunitx or markdown:
        forms = {"latex": latex or siunitx, "siunitx": siunitx, "markdown": markdown}
        _for_a_paper(uri, study, folder, forms)
        return
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


def _for_a_paper(uri: str | None, study: str, folder: Path | None, forms: dict[str, bool]) -> None:
    """Write cells, effects and claims in the forms that are wanted."""
    from harness.analysis.export import writable
    from harness.analysis.gather import gather
    from harness.analysis.integrity import require_comparable
    from harness.files import write_atomically
    from harness.report.source import Source
    from harness.report.tables import paper_files, paper_tables
    from harness.store.reading import read_study
    from harness.store.selection import select
    from harness.store.store import Store
    from harness.study.request import Request

    store = Store.existing(uri)
    selected, notes = select(store, Request(study))
    tables = gather(read_study(store, **selected))
    notes += [finding.message for finding in require_comparable(tables)]
    for note in notes:
        click.echo(note, err=True)
    folder = folder or Path("exports") / tables.study.name
    found = paper_tables(Source(tables))
    with writable(folder):
        for name, text in paper_files(found, **forms).items():
            write_atomically(folder / name, text.encode())
            click.echo(str(folder / name))
