"""`ablate compare`: two variants side by side."""

from typing import TYPE_CHECKING

import click

from harness.cli.options import study_options

NARROWEST = 100  # columns of the table, on whatever terminal: names must stay whole

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

    from harness.study.request import Request
    from harness.study.study import Study


@click.command()
@study_options
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@click.pass_obj
def command(uri: str | None, request: "Request", first: str, second: str) -> None:
    """Compare the variants A and B of STUDY in every response, paired by seed.

    A variant is named by where it differs from the baseline, as norm=none,depth=5, or as in
    reports: "batch, kaiming, depth 5", of which as much as remains unique may be cut.
    """
    from rich.console import Console

    from harness.analysis.compare import compare, find_variant
    from harness.analysis.gather import gather
    from harness.analysis.integrity import audit
    from harness.errors import UserError
    from harness.store.reading import read_study
    from harness.store.selection import select
    from harness.store.store import Store

    store = Store.existing(uri)
    selected, notes = select(store, request)
    tables = gather(read_study(store, **selected))
    for finding in audit(tables):
        if finding.severity == "refuse":
            raise UserError(
                "runs that are compared must be comparable",
                finding.message,
                "`ablate report` shows which they are.",
            )
        notes.append(finding.message)
    for note in notes:
        click.echo(note)
    study = tables.study
    first, second = (_variant(study, name) for name in (first, second))
    compared = compare(tables, first, second)
    console = Console(highlight=False)
    console.width = max(console.width, NARROWEST)
    console.print(
        f"A: {find_variant(tables, first)}\nB: {find_variant(tables, second)}", markup=False
    )
    console.print(_table(study, compared))
    console.print(
        "B − A over the seeds that both have, with a 95 % t interval; exploratory, not corrected.",
        markup=False,
    )


def _variant(study: "Study", name: str) -> str:
    """A variant as reports name it, if it is named by where it differs from the baseline.

    Raises:
        UserError: the study leaves out this combination of levels.
    """
    from harness.errors import UserError
    from harness.study.levels import parse_levels
    from harness.study.plan import about_partial, variant_label

    if "=" not in name:
        return name
    levels = study.reference | parse_levels(name, study.factors)
    if not study.allows(levels):
        raise UserError(
            "variants that are compared must be in the study",
            f"{name!r}, which is not",
            about_partial(study),
        )
    return variant_label(levels)


def _table(study: "Study", compared: "pd.DataFrame") -> "Table":
    """The comparison for a terminal."""
    from rich.table import Table
    from rich.text import Text

    from harness.report.words import difference, difference_interval, measured

    shown = Table("response", box=None, pad_edge=False)
    for name in ("A", "B", "B − A"):
        shown.add_column(name, justify="right")
    shown.add_column("95 % interval")
    shown.add_column("seeds", justify="right")
    if compared["note"].any():
        shown.add_column("remarks")
    for _, row in compared.iterrows():
        response = study.response(row["response"])
        cells = [
            response.name,
            measured(response, row["first"]),
            measured(response, row["second"]),
            difference(response, row["estimate"]),
            difference_interval(row["low"], row["high"], response),
            str(row["n"]),
            row["note"],
        ]
        shown.add_row(*(Text(cell) for cell in cells[: len(shown.columns)]))
    return shown
