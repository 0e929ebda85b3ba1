"""What follows from the runs: claims, effects, attribution, interactions."""

from collections.abc import Iterator
from math import isfinite

import pandas as pd

from harness.analysis.effects import NOT_ESTIMABLE, ranks_disagree
from harness.analysis.tuning import about_tuning
from harness.analysis.verdicts import NOT_TESTABLE
from harness.errors import counted
from harness.report.document import (
    Block,
    Callout,
    Paragraph,
    Section,
    Strong,
    Table,
    Words,
    compact,
)
from harness.report.sections.cards import bound, digits_of, verdict_text
from harness.report.source import Source
from harness.report.verdict_signs import TONES
from harness.report.words import (
    capital,
    claim_words,
    contrasted,
    difference,
    difference_interval,
    level_words,
    number,
    p_value,
)

OTHER_WAYS = {  # of asking, which not every study has, with the titles of their columns
    "other_split": "other split",
    "other_items": "with other items",
    "untuned": "untuned",
}
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
    yield Section("Tuning", list(_tuning(source)))


def _claims(source: Source) -> Iterator[Block]:
    """Each claim with its verdict, and the numbers it rests on."""
    if source.claims.empty:
        yield Paragraph("This study declares no claims: everything below is exploratory.")
        return
    yield Paragraph(
        f"The intervals of the study's {counted(len(source.claims), 'claim')} hold simultaneously. "
        "For a claim about every cell, the interval is for the worst cell, whichever it is, and "
        "there is no estimate: the least favourable of many estimates is biased. claims.csv and "
        "runs.csv suffice to recompute every verdict."
    )
    head = ("claim", "verdict", "response", "estimate", "interval of the worst cell (level)",
            "claimed", "p, corrected", "seeds", "where and why")  # fmt: skip
    rows = tuple(_claim_row(source, row) for _, row in source.claims.iterrows())
    yield compact(Table("Claims and verdicts", head, rows, frozenset({3, 6, 7})))
    if source.claims["stamps"].any():
        yield Callout("warning", "Exploratory", f"{capital(source.claims['stamps'][0])}.")
    if not source.looks.empty:
        yield _looks(source)
    yield from _stability(source)
    if not source.claim_cells.empty:
        yield _claim_cells(source)


def _claim_row(source: Source, row: pd.Series) -> tuple[Words, ...]:
    """One claim."""
    response, (show, between) = source.study.response(row["response"]), claim_words(row["kind"])
    digits = digits_of(response, row)
    ends = f"{between(row['low'], row['high'], response, digits)} ({level_words(row['interval'])})"
    ranked = _ranks(row.rename({"estimate": "", "cell_estimate": "estimate"}))
    nearest = f"least favourable cell: {row['cell']}, {show(response, row['cell_estimate'])}"
    remarks = "; ".join(filter(None, (row["why"], nearest * (row["distinct"] > 1), ranked)))
    return (
        f"{row['says']} [{row['id']}]", verdict_words(row), row["response"],
        show(response, row["estimate"], digits), ends if pd.notna(row["low"]) else "–",
        bound(response, row), p_value(row["p_adjusted"]), str(row["n"]), capital(remarks),
    )  # fmt: skip


def verdict_words(row: pd.Series) -> Words:
    """A claim's verdict with all that it must not be read without."""
    return (_word(row["verdict"]), verdict_text(row).removeprefix(row["verdict"]))


def _claim_cells(source: Source) -> Table:
    """Every claim in each of its distinct cells."""
    rows = tuple(
        (row["id"], row["cell"], number(row["estimate"], 4), number(row["se"], 4),
         number(row["se_items"], 4), str(row["n"]), p_value(row["p_for"]),
         p_value(row["p_against"]), row["shown"], row["twins"])
        for _, row in source.claim_cells.iterrows()
    )  # fmt: skip
    head = ("claim", "cell", "estimate", "standard error", "over items", "seeds", "p holds",
            "p fails", "shown that it", "cells with the same bits")  # fmt: skip
    return compact(Table("Claims cell by cell", head, rows, frozenset({2, 3, 4, 5, 6, 7}), True))


def _looks(source: Source) -> Table:
    """The verdicts at each declared look."""
    stated = source.claims.set_index("id")[["kind", "response", "bound", "margin"]]
    rows = []
    for _, look in source.looks.join(stated, on="id").iterrows():
        response, (_, between) = source.study.response(look["response"]), claim_words(look["kind"])
        ends = between(look["low"], look["high"], response, digits_of(response, look))
        rows.append((look["id"], str(look["n"]), _word(look["verdict"]), ends,
                     level_words(look["interval"])))  # fmt: skip
    head = ("claim", "seeds", "verdict", "interval", "its level")
    return Table("Verdicts at each declared look", head, tuple(rows), frozenset({1, 4}), True)


def _stability(source: Source) -> Iterator[Block]:
    """Each verdict beside what other ways of asking give."""
    table = source.stability[source.stability["verdict"] != NOT_TESTABLE]
    if table.empty:
        return
    yield Paragraph(
        "Would another analysis give another verdict? Exact sign-flip tests at the same level "
        "assume symmetry instead of a normal distribution (p is one-sided, corrected for cells "
        "only). The next column leaves out one seed at a time. The last column gives the share of "
        "failing runs at which the estimate leaves the verdict's region, and the share that the "
        "seeds cannot exclude."
    )
    others = {name: title for name, title in OTHER_WAYS.items() if (table[name] != "").any()}
    if "other_items" in others:
        yield Paragraph(_about_items(source))
    rows = tuple(
        (row["id"], _word(row["verdict"]),
         (_word(row["sign_flip"]), f" (p {p_value(row['p_flip'])})"),
         (_word(row["without_one"]),
          f" without seed {row['seeds_without']}" if row["seeds_without"] else ""),
         *(_word(row[name]) for name in others), _failing(row))
        for _, row in table.iterrows()
    )  # fmt: skip
    head = ("claim", "t test", "sign flip", "without one seed", *others.values(), "failing runs")
    yield compact(Table("Stability of the verdicts", head, rows))


def _about_items(source: Source) -> str:
    """How much the split's items add to what the seeds leave uncertain, in sentences."""
    known = source.claim_cells.dropna(subset="se_items").query("se > 0")
    ratio = (known["se_items"] / known["se"]).median()
    return (
        "The column 'with other items' also treats the items of the split as a sample: its "
        "standard errors combine those over seeds with those over items (clustered: everything "
        "that belongs to an item is one observation). At the median of the claims' cells, the "
        f"standard error over items is {ratio:.2g} times that over seeds; claim_cells.csv has both."
    )


def _word(word: str) -> Strong:
    """A verdict's word in its colour; any other text as it is."""
    return Strong(word, TONES[word]) if word in TONES else Strong(word or "–", "soft")


def _failing(row: pd.Series) -> Words:
    """What failing runs would do to a verdict."""
    if pd.isna(row["tipping"]):
        return "–"
    if not isfinite(row["tipping"]):
        return "measured before training"
    shares = (
        f" (changes at {100 * row['tipping']:.1f} % failing runs; up to {100 * row['unseen']:.0f} %"
        " cannot be excluded)"
    )
    if row["failures"]:
        return (Strong(row["failures"], "warning"), shares)
    return (Strong("not sensitive", "good"), shares)


def _ranks(row: pd.Series) -> str:
    """A remark where the analysis of ranks points the other way; an equivalence has no way."""
    against = row["kind"] != "equivalence" and ranks_disagree(row)
    return "ranks point the other way" if against else ""


def _effects(source: Source) -> Iterator[Block]:
    """Main effects in view, the rest folded."""
    head = ("effect", "where", "averaged over", "difference", "95 % interval", "seeds",
            "sign-flip p", "in ranks", "remarks")  # fmt: skip
    for kind, title in KINDS.items():
        rows = tuple(
            (
                contrasted(row),
                "" if kind == "main" else row["where"], row["over"],
                *_change(source, row),
                str(row["n"]), p_value(row["p_flip"]), difference(None, row["rank_estimate"]),
                "; ".join(filter(None, (_conditional(row), _ranks(row), row["note"]))),
            )
            for _, row in source.effects[source.effects["kind"] == kind].iterrows()
        )  # fmt: skip
        if rows:
            numeric = frozenset({3, 5, 6, 7})
            yield compact(Table(title, head, rows, numeric, folded=kind != "main"))


def _conditional(row: pd.Series) -> str:
    """Where a main effect is higher and where lower, if its direction depends on the place."""
    return f"CONDITIONAL: {row['conditional']}" if row["conditional"] else ""


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
    """Differences of differences; of those without variants, only which they are."""
    table = source.effects[source.effects["kind"] == "interaction"]
    lacking = table["note"].str.startswith(NOT_ESTIMABLE)
    rows = tuple(
        (contrasted(row), f"{row['by']}: {row['by_level']} − {row['by_versus']}", row["over"],
         *_change(source, row), str(row["n"]), "; ".join(filter(None, (_ranks(row), row["note"]))))
        for _, row in table[~lacking].iterrows()
    )  # fmt: skip
    head = ("difference in", "changes with", "averaged over", "by", "95 % interval", "seeds",
            "remarks")  # fmt: skip
    if rows:
        title = "Two-way interactions: differences of differences"
        yield compact(Table(title, head, rows, frozenset({3, 5})))
    if lacking.any():
        pairs = dict.fromkeys(zip(table["factor"][lacking], table["by"][lacking], strict=True))
        which = "; ".join(f"{factor} with {by}" for factor, by in pairs)
        yield Paragraph(
            f"{NOT_ESTIMABLE}: {which if rows else 'each factor with each other'}. For "
            f"{counted(int(lacking.sum()), 'interaction')} of these factors, no combination of the "
            "others has the four variants that are compared."
        )


def _tuning(source: Source) -> Iterator[Block]:
    """Which levels of the tuned fields each variant took, and how steadily."""
    if not source.study.tuned:
        return
    rows = tuple(
        (row["variant"], row["level"], f"{row['seeds']} of {row['n']}",
         f"at the end of the range tried: add {row['edge']}" if row["edge"] else "")
        for _, row in source.taken.iterrows()
    )  # fmt: skip
    yield Paragraph(" ".join(about_tuning(source.data)))
    head = ("variant", "level", "chosen for seeds", "remarks")
    yield compact(Table("Chosen levels of the variants", head, rows, frozenset({2})))
