"""`ablate compare`: two variants of a study, or several studies, side by side."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from harness.cli.options import complete_levels, json_option, naming, pass_store, study_options

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console
    from rich.table import Table

    from harness.analysis.across import Alignment
    from harness.analysis.frames import StudyData
    from harness.cli.documents import Emit, StudyComparison, VariantComparison
    from harness.store.store import Store
    from harness.study.request import Request
    from harness.study.study import Study

Notes = Sequence[str]
NARROWEST = 80  # columns of the tables; a narrower terminal wraps them itself, and nothing is cut


@click.command()
@study_options
@click.argument(
    "names", nargs=-1, required=True, metavar="[A B | STUDY...]", shell_complete=complete_levels
)
@json_option
@pass_store
def command(
    uri: str | None, request: "Request", names: tuple[str, ...], emit: "Emit | None"
) -> None:
    """Compare two variants of STUDY, or several studies.

    The variants A and B are compared in every response. Name a variant by its differences from the
    baseline, such as norm=none,depth=5, or as reports do, such as "batch, kaiming, depth 5"; leave
    out parts of that name if the rest is unique.

    Studies are compared at the levels that they share, in the first study's primary response and
    in the verdicts on shared claims.
    """
    from dataclasses import replace

    from rich.console import Console

    from harness.errors import UserError
    from harness.store.store import Store
    from harness.study.files import is_study

    studies = [is_study(name) for name in names]
    notes: list[str] = []

    def say(note: str) -> None:
        notes.append(note)
        click.echo(note)

    if not all(studies) and (any(studies) or len(names) != 2):
        raise UserError(
            "compare takes two variants of a study, or two or more studies",
            " ".join((request.study, *names)),
            "Write ablate compare STUDY A B, or ablate compare STUDY STUDY.",
        )
    console = Console(highlight=False)
    console.width = max(console.width, NARROWEST)
    with naming(request.typed):
        store = Store.existing(uri)
    if all(studies):
        requests = [request, *(replace(request, study=name) for name in names)]
        data = [_comparable(store, one, say) for one in requests]
        _studies(console, _told_apart(data, [one.study for one in requests]), emit, notes)
    else:
        _variants(console, _comparable(store, request, say), names, emit, notes)


def _comparable(store: "Store", request: "Request", say: Callable[[str], None]) -> "StudyData":
    """A study's tables, after saying what the audit found.

    Raises:
        UserError: its runs cannot be compared.
    """
    from harness.analysis.gather import gather
    from harness.analysis.integrity import require_comparable
    from harness.store.reading import read_study
    from harness.store.remarks import on_changes
    from harness.store.selection import select

    with naming(request.typed):
        selected, notes = select(store, request)
        stored = read_study(store, **selected)
        if stored.changed:
            notes.append(on_changes(selected["name"], stored.changed))
        tables = gather(stored.numbers())
        notes += [finding.message for finding in require_comparable(tables)]
    for note in notes:
        say(note)
    return tables


def _told_apart(data: "list[StudyData]", typed: Sequence[str]) -> "list[StudyData]":
    """Studies of different names: as typed, where files of one name lie in several folders.

    Raises:
        UserError: one of them was typed twice.
    """
    from dataclasses import replace

    from harness.errors import UserError

    if len({one.study.name for one in data}) == len(data):
        return data
    if len(set(typed)) < len(typed):
        raise UserError(
            "studies to compare must be different ones", ", ".join(typed), "Name each of them once."
        )
    return [
        replace(one, study=one.study.model_copy(update={"name": name}))
        for one, name in zip(data, typed, strict=True)
    ]


def _variants(
    console: "Console", tables: "StudyData", names: Sequence[str], emit: "Emit | None", notes: Notes
) -> None:
    """Print two variants side by side."""
    from harness.analysis.compare import compare, find_variant

    first, second = (find_variant(tables, _variant(tables.study, name)) for name in names)
    compared = compare(tables, first, second)
    if emit:
        emit(_compared_variants(tables.study, first, second, compared, notes))
        return
    console.print(f"A: {first}\nB: {second}", markup=False)
    console.print(_table(tables.study, compared))
    for response, remark in compared.loc[compared["note"] != "", ["response", "note"]].to_numpy():
        console.print(f"{response}: {remark}", markup=False)
    console.print(
        "B − A over the seeds that both have, with a 95 % t interval; exploratory, not corrected.",
        markup=False,
    )


def _studies(
    console: "Console", data: list["StudyData"], emit: "Emit | None", notes: Notes
) -> None:
    """Print several studies side by side."""
    from rich.table import Table
    from rich.text import Text

    from harness.analysis.across import across_table, align, verdicts_across
    from harness.report.words import difference, difference_interval, with_interval

    first, names = data[0].study, [one.study.name for one in data]
    response, aligned = first.response(), align([one.study for one in data])
    across, shared = across_table(data, first.primary), verdicts_across(data)
    if emit:
        emit(_compared_studies(data, aligned, across, shared, notes))
        return
    for field, levels in aligned.apart.items():
        said = "; ".join(f"{name} {mine}" for name, mine in zip(names, levels, strict=True))
        console.print(f"{field}: {said}", markup=False)
    for factor, common in aligned.common.items():
        if len(common) == 1:
            console.print(f"compared at {factor} {common[0]}", markup=False)
    shown = Table(box=None, pad_edge=False)
    shown.add_column("variant", overflow="fold")
    for name in names:
        shown.add_column(name, justify="right")
    for name in names[1:]:
        shown.add_column(f"{name} − {first.name}, 95 % interval", justify="right")
    for place, rows in across.groupby("place", sort=False):
        means = [
            with_interval(response, *mean)
            for mean in rows[["mean", "low", "high"]].itertuples(index=False)
        ]
        others = rows[["estimate", "difference_low", "difference_high"]].iloc[1:]
        apart = [
            f"{difference(response, estimate)} ({difference_interval(low, high, response)})"
            for estimate, low, high in others.itertuples(index=False)
        ]
        shown.add_row(*map(Text, (str(place), *means, *apart)))
    console.print(f"{response.name}, mean ± half its 95 % interval:", markup=False)
    console.print(shown)
    if shared.empty:
        console.print("These studies share no claims.")
        return
    table = Table(box=None, pad_edge=False)
    for head in ("claim", *names):
        table.add_column(head, overflow="fold")
    for _, row in shared.iterrows():
        table.add_row(*(Text(row[name] or "–") for name in ("id", *names)))
    console.print("\nverdicts on the claims that they share:", markup=False)
    console.print(table)


def _compared_variants(
    study: "Study", first: str, second: str, compared: "pd.DataFrame", notes: Notes
) -> "VariantComparison":
    """Two variants for programs."""
    from harness.cli.documents import ComparedResponse, VariantComparison

    compared = compared.rename(columns={"first": "a", "second": "b", "estimate": "difference"})
    responses = (
        ComparedResponse.model_validate({**row, "unit": study.response(row["response"]).unit})
        for row in compared.to_dict("records")
    )
    return VariantComparison(
        study=study.name, a=first, b=second, responses=tuple(responses), notes=tuple(notes)
    )


def _compared_studies(
    data: "Sequence[StudyData]",
    aligned: "Alignment",
    across: "pd.DataFrame",
    shared: "pd.DataFrame",
    notes: Notes,
) -> "StudyComparison":
    """Several studies for programs."""
    from harness.cli.documents import ComparedPlace, SharedClaim, StudyAtPlace, StudyComparison

    names, response = [one.study.name for one in data], data[0].study.response()
    across = across.rename(columns={"estimate": "difference"})
    places = (
        ComparedPlace(
            place=place, studies=tuple(map(StudyAtPlace.model_validate, rows.to_dict("records")))
        )
        for place, rows in across.groupby("place", sort=False)
    )
    claims = (
        SharedClaim(
            id=row["id"],
            says=row["says"],
            verdicts={name: row[name] for name in names if row[name]},
        )
        for row in shared.to_dict("records")
    )
    return StudyComparison(
        studies=names, response=response.name, unit=response.unit, common=aligned.common,
        apart={field: dict(zip(names, said, strict=True)) for field, said in aligned.apart.items()},
        places=tuple(places), claims=tuple(claims), notes=notes,
    )  # fmt: skip


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
            "variants to compare must be in the study",
            f"{name!r}, which is left out",
            about_partial(study),
        )
    return variant_label(levels)


def _table(study: "Study", compared: "pd.DataFrame") -> "Table":
    """The comparison for a terminal."""
    from rich.table import Table
    from rich.text import Text

    from harness.report.words import difference, difference_interval, measured

    shown = Table(box=None, pad_edge=False)
    shown.add_column("response", overflow="fold")
    for name in ("A", "B", "B − A"):
        shown.add_column(name, justify="right", no_wrap=True)
    shown.add_column("95 % interval", no_wrap=True)
    shown.add_column("seeds", justify="right", no_wrap=True)
    for _, row in compared.iterrows():
        response = study.response(row["response"])
        cells = [
            response.name,
            measured(response, row["first"]),
            measured(response, row["second"]),
            difference(response, row["estimate"]),
            difference_interval(row["low"], row["high"], response),
            str(row["n"]),
        ]
        shown.add_row(*map(Text, cells))
    return shown
