"""`ablate compare`: two variants of a study, or several studies, side by side."""

from typing import TYPE_CHECKING

import click

from harness.cli.options import naming, pass_store, study_options

NARROWEST = 100  # columns of the table, on whatever terminal: names must stay whole

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console
    from rich.table import Table

    from harness.analysis.frames import StudyData
    from harness.study.request import Request
    from harness.study.study import Study


@click.command()
@study_options
@click.argument("names", nargs=-1, required=True, metavar="[A B | STUDY...]")
@pass_store
def command(uri: str | None, request: "Request", names: tuple[str, ...]) -> None:
    """Compare the variants A and B of STUDY in every response, or several studies.

    A variant is named by where it differs from the baseline, as norm=none,depth=5, or as in
    reports: "batch, kaiming, depth 5", of which as much as remains unique may be cut. Studies are
    compared where their factors line up, in the first one's primary response, and in the verdicts
    on claims that they share.
    """
    from dataclasses import replace

    from rich.console import Console

    from harness.errors import UserError
    from harness.study.files import is_study

    console = Console(highlight=False)
    console.width = max(console.width, NARROWEST)
    studies = [is_study(name) for name in names]
    if all(studies):
        requests = [request, *(replace(request, study=name) for name in names)]
        _studies(console, [_comparable(uri, one) for one in requests])
    elif len(names) == 2 and not any(studies):
        _variants(console, _comparable(uri, request), *names)
    else:
        raise UserError(
            "two variants of a study are compared, or two studies or more",
            " ".join((request.study, *names)),
            "Write ablate compare STUDY A B, or ablate compare STUDY STUDY.",
        )


def _comparable(uri: str | None, request: "Request") -> "StudyData":
    """A study's tables, after saying what the audit found.

    Raises:
        UserError: its runs cannot be compared.
    """
    from harness.analysis.gather import gather
    from harness.analysis.integrity import require_comparable
    from harness.store.reading import read_study
    from harness.store.selection import on_changes, select
    from harness.store.store import Store

    with naming(request.typed):
        store = Store.existing(uri)
        selected, notes = select(store, request)
        stored = read_study(store, **selected)
    if stored.changed:
        notes.append(on_changes(selected["name"], stored.changed))
    tables = gather(stored)
    notes += [finding.message for finding in require_comparable(tables)]
    for note in notes:
        click.echo(note)
    return tables


def _variants(console: "Console", tables: "StudyData", first: str, second: str) -> None:
    """Print two variants side by side."""
    from harness.analysis.compare import compare, find_variant

    first, second = (_variant(tables.study, name) for name in (first, second))
    compared = compare(tables, first, second)
    console.print(
        f"A: {find_variant(tables, first)}\nB: {find_variant(tables, second)}", markup=False
    )
    console.print(_table(tables.study, compared))
    console.print(
        "B − A over the seeds that both have, with a 95 % t interval; exploratory, not corrected.",
        markup=False,
    )


def _studies(console: "Console", data: list["StudyData"]) -> None:
    """Print several studies side by side."""
    from rich.table import Table
    from rich.text import Text

    from harness.analysis.across import across_table, align, verdicts_across
    from harness.report.words import difference, difference_interval, with_interval

    first, names = data[0].study, [one.study.name for one in data]
    response, aligned = first.response(), align([one.study for one in data])
    for field, levels in aligned.apart.items():
        said = "; ".join(f"{name} {mine}" for name, mine in zip(names, levels, strict=True))
        console.print(f"{field}: {said}", markup=False)
    for factor, common in aligned.common.items():
        if len(common) == 1:
            console.print(f"compared at {factor} {common[0]}", markup=False)
    shown = Table("variant", box=None, pad_edge=False)
    for name in names:
        shown.add_column(name, justify="right")
    for name in names[1:]:
        shown.add_column(f"{name} − {first.name}, 95 % interval", justify="right")
    for place, rows in across_table(data, first.primary).groupby("place", sort=False):
        means = [
            with_interval(response, *mean)
            for mean in rows[["mean", "low", "high"]].itertuples(index=False)
        ]
        apart = [
            f"{difference(response, estimate)} ({difference_interval(low, high, response)})"
            for estimate, low, high in rows[["estimate", "difference_low", "difference_high"]][
                1:
            ].itertuples(index=False)
        ]
        shown.add_row(*map(Text, (str(place), *means, *apart)))
    console.print(f"{response.name}, mean ± half its 95 % interval:", markup=False)
    console.print(shown)
    shared = verdicts_across(data)
    if shared.empty:
        console.print("These studies share no claims.")
        return
    table = Table("claim", *names, box=None, pad_edge=False)
    for _, row in shared.iterrows():
        table.add_row(*(Text(row[name] or "–") for name in ("id", *names)))
    console.print("\nverdicts on the claims that they share:", markup=False)
    console.print(table)


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
