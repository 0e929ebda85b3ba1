"""What follows from the runs: claims, effects, attribution, interactions."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pandas as pd

from harness.report.document import Block, Paragraph, Section, Strong, Table, compact
from harness.report.source import Source
from harness.report.words import (
    difference,
    difference_interval,
    interval,
    measured,
    number,
    p_value,
    unbroken,
)

if TYPE_CHECKING:
    from harness.report.sections import Pictures


def sections(source: Source, pictures: "Pictures") -> Iterator[Section]:
    """All that needs contrasts."""
    yield claims(source)
    yield Section("effects", "Effects", [*pictures.get("effects", []), *effect_tables(source)])
    yield attribution(source, pictures)
    yield Section(
        "interaction", "Interactions", [*pictures.get("interaction", []), *interactions(source)]
    )


def claims(source: Source) -> Section:
    """Each claim with its verdict, and the numbers it rests on."""
    table = source.claims
    if table.empty:
        words = "This study declares no claims: everything below is exploratory."
        return Section("claims", "Claims and verdicts", [Paragraph(words)])
    rows = tuple(claim_row(row) for _, row in table.iterrows())
    head = ("claim", "verdict", "response", "estimate", "interval (level)", "claimed", "p (Holm)",
            "seeds", "least favourable cell, remarks")  # fmt: skip
    blocks: list[Block] = [
        Paragraph(
            "The estimate is that of the cell least favourable to the claim; the interval is for "
            "the worst of its cells, whichever that is, at the level that Holm's correction over "
            f"this study's {len(table)} claim{'s' * (len(table) != 1)} leaves. "
            "claims.csv and runs.csv suffice to recompute every verdict."
        ),
        compact(Table("Claims and verdicts", head, rows, frozenset({3, 6, 7}))),
        *cells_of_claims(source),
    ]
    return Section("claims", "Claims and verdicts", blocks)


def claim_row(row: pd.Series) -> tuple[str | Strong, ...]:
    """One claim."""
    response, absolute = row["response"], row["kind"] == "threshold"
    side = {"lower": "<", "higher": ">", "within": "within ±"}[row["direction"]]
    between = interval if absolute else difference_interval
    ends = f"{between(row['low'], row['high'], response)} ({100 * row['interval']:.1f} %)"
    remarks = "; ".join(filter(None, (row["cell"], row["reason"], ranks(row), row["stamps"])))
    needed = f"{row['n']} (needs {row['seeds_needed']})" if row["seeds_needed"] else str(row["n"])
    show = (measured if absolute else difference)(response, row["estimate"])
    return (
        f"{row['says']} [{row['id']}]", Strong(row["verdict"]), row["response"], show,
        ends if pd.notna(row["low"]) else "–",
        unbroken(f"{side} {bound(response, row['bound'], absolute)}"),
        p_value(row["p_adjusted"]), needed, remarks,
    )  # fmt: skip


def bound(response: str, value: float, absolute: bool) -> str:
    """What a claim says its value stays below, above or within."""
    return measured(response, value) if absolute else difference(response, value).removeprefix("+")


def ranks(row: pd.Series) -> str:
    """A remark where the analysis of ranks points the other way."""
    against = row["estimate"] * row["rank_estimate"] < 0
    return "ranks point the other way" if against and row["kind"] != "equivalence" else ""


def cells_of_claims(source: Source) -> Iterator[Table]:
    """Every cell that a claim is about."""
    table = source.claim_cells
    if table.empty:
        return
    rows = tuple(
        (row["id"], row["cell"], number(row["estimate"], 4), number(row["se"], 4), str(row["n"]),
         p_value(row["p_for"]), p_value(row["p_against"]))
        for _, row in table.iterrows()
    )  # fmt: skip
    head = ("claim", "cell", "estimate", "standard error", "seeds", "p for", "p against")
    yield Table("Claims cell by cell", head, rows, frozenset({2, 3, 4, 5, 6}), folded=True)


def effect_tables(source: Source) -> Iterator[Block]:
    """Main effects in view, the rest folded."""
    table = source.effects
    main = table[table["kind"] == "main"]
    if not main.empty:
        yield _effects("Main effects, averaged over all other factors", main, folded=False)
    kinds = {
        "within": "The same within each level of another factor",
        "simple": "Simple effects: within each combination of the other factors",
        "slope": "Slopes over ordered factors",
    }
    for kind, title in kinds.items():
        if not (rows := table[table["kind"] == kind]).empty:
            yield _effects(title, rows, folded=True)


def _effects(title: str, table: pd.DataFrame, *, folded: bool) -> Table:
    rows = tuple(
        (
            f"{row['factor']}: {row['level']}{' − ' if row['versus'] else ''}{row['versus']}",
            "" if row["kind"] == "main" else row["where"],
            difference(row["response"], row["estimate"]),
            difference_interval(row["low"], row["high"], row["response"]),
            number(row["effect_size"], 1), str(row["n"]), p_value(row["p_flip"]),
            difference("", row["rank_estimate"]),
            "; ".join(filter(None, (row["conditional"], ranks(row), row["note"]))),
        )
        for _, row in table.iterrows()
    )  # fmt: skip
    head = ("effect", "where", "difference", "95 % interval", "effect size d", "seeds",
            "sign-flip p", "in ranks", "remarks")  # fmt: skip
    return compact(Table(title, head, rows, frozenset({2, 4, 5, 6, 7}), folded=folded))


def attribution(source: Source, pictures: "Pictures") -> Section:
    """How far each part carries from bare to baseline."""
    table = source.attribution
    if table.empty:
        return Section("attribution", "Attribution", [])
    rows = tuple(
        (row["stratum"] or "–", row["factor"] or "baseline − bare", row["method"],
         difference(row["response"], row["estimate"]),
         difference_interval(row["low"], row["high"], row["response"]), str(row["n"]), row["note"])
        for _, row in table.iterrows()
    )  # fmt: skip
    head = ("stratum", "part", "counted as", "change", "95 % interval", "seeds", "remarks")
    shown = compact(
        Table("Attribution from bare to baseline", head, rows, frozenset({3, 5}), folded=True)
    )
    return Section("attribution", "Attribution", [*pictures.get("attribution", []), shown])


def interactions(source: Source) -> Iterator[Table]:
    """Differences of differences."""
    table = source.effects
    table = table[table["kind"] == "interaction"]
    if table.empty:
        return
    rows = tuple(
        (f"{row['factor']}: {row['level']} − {row['versus']}",
         f"{row['by']}: {row['by_level']} − {row['by_versus']}",
         difference(row["response"], row["estimate"]),
         difference_interval(row["low"], row["high"], row["response"]), str(row["n"]), row["note"])
        for _, row in table.iterrows()
    )  # fmt: skip
    head = ("difference in", "changes with", "by", "95 % interval", "seeds", "remarks")
    title = "Two-way interactions: differences of differences"
    yield compact(Table(title, head, rows, frozenset({2, 4})))
