"""What follows from the runs: claims, effects, attribution, interactions."""

from collections.abc import Iterator

import pandas as pd

from harness.report.document import Block, Paragraph, Section, Strong, Table, Words, compact
from harness.report.source import Source
from harness.report.words import (
    counted,
    difference,
    difference_interval,
    interval,
    measured,
    number,
    p_value,
    unbroken,
)

KINDS = {  # of effects, each with the title of its table
    "main": "Main effects, averaged over all other factors",
    "within": "The same within each level of another factor",
    "simple": "Simple effects: within each combination of the other factors",
    "slope": "Slopes over ordered factors",
}


def sections(source: Source) -> Iterator[Section]:
    """All that needs contrasts; nothing where the audit refuses them."""
    if source.refused:
        return
    yield Section("Claims and verdicts", list(_claims(source)))
    yield Section("Effects", list(_effects(source)))
    yield Section("Attribution", list(_attribution(source)))
    yield Section("Interactions", list(_interactions(source)))


def _claims(source: Source) -> Iterator[Block]:
    """Each claim with its verdict, and the numbers it rests on."""
    if source.claims.empty:
        yield Paragraph("This study declares no claims: everything below is exploratory.")
        return
    yield Paragraph(
        "The estimate is that of the cell least favourable to the claim; the interval is for the "
        "worst of its cells, whichever that is, at the level that Holm's correction over this "
        f"study's {counted(len(source.claims), 'claim')} leaves. claims.csv and runs.csv suffice "
        "to recompute every verdict."
    )
    head = ("claim", "verdict", "response", "estimate", "interval (level)", "claimed", "p (Holm)",
            "seeds", "least favourable cell, remarks")  # fmt: skip
    rows = tuple(_claim_row(source, row) for _, row in source.claims.iterrows())
    yield compact(Table("Claims and verdicts", head, rows, frozenset({3, 6, 7})))
    if not source.claim_cells.empty:
        cells = tuple(
            (row["id"], row["cell"], number(row["estimate"], 4), number(row["se"], 4),
             str(row["n"]), p_value(row["p_for"]), p_value(row["p_against"]))
            for _, row in source.claim_cells.iterrows()
        )  # fmt: skip
        heads = ("claim", "cell", "estimate", "standard error", "seeds", "p for", "p against")
        yield Table("Claims cell by cell", heads, cells, frozenset({2, 3, 4, 5, 6}), folded=True)


def _claim_row(source: Source, row: pd.Series) -> tuple[Words, ...]:
    """One claim."""
    response, absolute = source.study.response(row["response"]), row["kind"] == "threshold"
    show, between = (measured, interval) if absolute else (difference, difference_interval)
    side = {"lower": "<", "higher": ">", "within": "within ±"}[row["direction"]]
    bound = show(response, row["bound"]).removeprefix("+")
    ends = f"{between(row['low'], row['high'], response)} ({100 * row['interval']:.1f} %)"
    needed = f"{row['n']} (needs {row['seeds_needed']})" if row["seeds_needed"] else str(row["n"])
    remarks = "; ".join(filter(None, (row["cell"], row["reason"], _ranks(row), row["stamps"])))
    return (
        f"{row['says']} [{row['id']}]", Strong(row["verdict"]), row["response"],
        show(response, row["estimate"]), ends if pd.notna(row["low"]) else "–",
        unbroken(f"{side} {bound}"), p_value(row["p_adjusted"]), needed, remarks,
    )  # fmt: skip


def _ranks(row: pd.Series) -> str:
    """A remark where the analysis of ranks points the other way."""
    against = row["estimate"] * row["rank_estimate"] < 0
    return "ranks point the other way" if against and row["kind"] != "equivalence" else ""


def _effects(source: Source) -> Iterator[Block]:
    """Main effects in view, the rest folded."""
    head = ("effect", "where", "difference", "95 % interval", "effect size d", "seeds",
            "sign-flip p", "in ranks", "remarks")  # fmt: skip
    for kind, title in KINDS.items():
        rows = tuple(
            (
                f"{row['factor']}: {row['level']}{' − ' if row['versus'] else ''}{row['versus']}",
                "" if kind == "main" else row["where"],
                *_change(source, row),
                number(row["effect_size"], 1), str(row["n"]), p_value(row["p_flip"]),
                difference(None, row["rank_estimate"]),
                "; ".join(filter(None, (row["conditional"], _ranks(row), row["note"]))),
            )
            for _, row in source.effects[source.effects["kind"] == kind].iterrows()
        )  # fmt: skip
        if rows:
            numeric = frozenset({2, 4, 5, 6, 7})
            yield compact(Table(title, head, rows, numeric, folded=kind != "main"))


def _change(source: Source, row: pd.Series) -> tuple[str, str]:
    """A difference in the primary response, and its interval."""
    return (difference(source.primary, row["estimate"]),
            difference_interval(row["low"], row["high"], source.primary))  # fmt: skip


def _attribution(source: Source) -> Iterator[Block]:
    """How much of the change from bare to baseline each part brings."""
    rows = tuple(
        (row["stratum"] or "–", row["factor"] or "baseline − bare", row["method"],
         *_change(source, row), str(row["n"]), row["note"])
        for _, row in source.attribution.iterrows()
    )  # fmt: skip
    head = ("stratum", "part", "counted as", "change", "95 % interval", "seeds", "remarks")
    title = "Attribution from bare to baseline"
    if rows:
        yield compact(Table(title, head, rows, frozenset({3, 5}), folded=True))


def _interactions(source: Source) -> Iterator[Block]:
    """Differences of differences."""
    rows = tuple(
        (f"{row['factor']}: {row['level']} − {row['versus']}",
         f"{row['by']}: {row['by_level']} − {row['by_versus']}",
         *_change(source, row), str(row["n"]), row["note"])
        for _, row in source.effects[source.effects["kind"] == "interaction"].iterrows()
    )  # fmt: skip
    head = ("difference in", "changes with", "by", "95 % interval", "seeds", "remarks")
    if rows:
        title = "Two-way interactions: differences of differences"
        yield compact(Table(title, head, rows, frozenset({2, 4})))
