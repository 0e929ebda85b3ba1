"""`ablate compare`: two variants side by side."""

from typing import TYPE_CHECKING

import click

from harness.commands.options import chosen, study_options

NARROWEST = 100  # columns of the table, on whatever terminal: names must stay whole

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table


@click.command()
@study_options
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@click.pass_obj
def command(
    uri: str | None, /, study: str, steps: int | None, seeds: tuple[int, ...] | None,
    data: str | None, first: str, second: str,
) -> None:  # fmt: skip
    """Compare the variants A and B of STUDY in every response, paired by seed.

    A variant is named by where it differs from the baseline, as norm=none,depth=5, or as in
    reports: "batch, kaiming, depth 5", of which what remains unique may be cut.
    """
    from rich.console import Console

    from harness.analysis.compare import compare, find_variant
    from harness.analysis.integrity import audit
    from harness.errors import UserError
    from harness.levels import parse_levels
    from harness.plan import variant_label
    from harness.tracking.reading import read_study

    tables = read_study(uri, **chosen(study, steps, seeds, data))
    for finding in audit(tables):
        if finding.severity == "refuse":
            raise UserError("runs that are compared must be comparable", finding.message,
                            "`ablate report` shows which they are.")  # fmt: skip
        click.echo(finding.message)
    asked = tables.study
    first, second = (
        variant_label(asked.baseline | parse_levels(name, asked.factors)) if "=" in name else name
        for name in (first, second)
    )
    compared = compare(tables, first, second)
    console = Console(highlight=False)
    console.width = max(console.width, NARROWEST)
    console.print(
        f"A: {find_variant(tables, first)}\nB: {find_variant(tables, second)}", markup=False
    )
    console.print(table(compared))
    console.print(
        "B − A over the seeds that both have, with a 95 % t interval; exploratory, not corrected.",
        markup=False,
    )


def table(compared: "pd.DataFrame") -> "Table":
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
        response = row["response"]
        cells = [
            response, measured(response, row["first"]), measured(response, row["second"]),
            difference(response, row["estimate"]),
            difference_interval(row["low"], row["high"], response),
            str(row["n"]), row["note"],
        ]  # fmt: skip
        shown.add_row(*(Text(cell) for cell in cells[: len(shown.columns)]))
    return shown
