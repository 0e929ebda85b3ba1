"""The answer at a glance: a card a claim, and where an effect changes its sign."""

from collections.abc import Iterator
from functools import partial

import pandas as pd

from harness.analysis.verdicts import NOT_EVERYWHERE, SUPPORTED
from harness.errors import counted
from harness.report.document import Card
from harness.report.sections.bottom_line import averaged, largest
from harness.report.source import Source
from harness.report.verdict_signs import MARKS, TONES
from harness.report.words import (
    SIDES,
    apart,
    capital,
    claim_words,
    difference,
    difference_interval,
    unbroken,
)
from harness.subjects.subject import Response

MOST_EFFECTS = 6  # on cards of a study without claims


def takeaway(source: Source) -> str:
    """What follows from the study, in one line."""
    found, label = [], source.primary.label
    if not source.claims.empty:
        count = int((source.claims["verdict"] == SUPPORTED).sum())
        found.append(f"{SUPPORTED}: {count} of {counted(len(source.claims), 'claim')}")
    row = largest(source.effects)
    if row is None:
        found.append(f"no main effect on {label} can be estimated")
    elif row["estimate"] == 0:
        found.append(f"no main effect on {label} differs from 0")
    else:
        effect = _of(source.primary, row)
        found.append(f"the largest change in {label}: {_compared(row)}, {effect}")
    return capital("; ".join(found))


def cards(source: Source) -> Iterator[Card]:
    """Claims with their verdicts; effects whose direction depends on the place.

    Of a study without claims, the largest effects.
    """
    for _, claim in source.claims.iterrows():
        yield _of_claim(source, claim)
    main = source.effects[source.effects["kind"] == "main"]
    conditional = main["conditional"] != ""
    for _, row in main[conditional].iterrows():
        yield _of_effect(source, row, "warning", "±", "CONDITIONAL")
    if source.claims.empty:
        plain = main[~conditional & main["estimate"].notna()]
        ordered = plain.sort_values("estimate", key=abs, ascending=False, kind="stable")
        for _, row in ordered.head(MOST_EFFECTS).iterrows():
            yield _of_effect(source, row, "soft", "•", "exploratory")


def _of_claim(source: Source, row: pd.Series) -> Card:
    response, numbers, about = source.study.response(row["response"]), "", ""
    if pd.notna(row["low"]):
        worst = ", the worst cell" if row["distinct"] > 1 else ""
        numbers = estimate_words(response, row)
        about = f"{capital(response.label)}{worst}; claimed {bound(response, row)}. "
    least = f"; least favourable: {row['cell']}" if row["verdict"] == NOT_EVERYWHERE else ""
    return Card(
        TONES[row["verdict"]],
        MARKS[row["verdict"]],
        verdict_text(row),
        row["says"],
        numbers,
        f"{about}{capital(row['why'])}{least}.",
    )


def _of_effect(source: Source, row: pd.Series, tone: str, mark: str, word: str) -> Card:
    where = f" {capital(row['conditional'])}." if row["conditional"] else ""
    about = f"{capital(source.primary.label)}, {averaged(row['over'])}.{where}"
    return Card(tone, mark, word, _compared(row), _of(source.primary, row), about)


def _compared(row: pd.Series) -> str:
    """What a main effect compares, in words."""
    versus = f" instead of {row['versus']}" if row["versus"] else ""
    return f"{row['factor']} {row['level']}{versus}"


def _of(response: Response, row: pd.Series) -> str:
    """An effect with its interval."""
    ends = difference_interval(row["low"], row["high"], response)
    return with_unit(response, difference(response, row["estimate"])) + (
        f" ({ends})" if pd.notna(row["low"]) else ""
    )


def estimate_words(response: Response, row: pd.Series) -> str:
    """A claim's estimate with its interval; of several cells the interval alone."""
    show, between = claim_words(row["kind"])
    digits = digits_of(response, row)
    ends = between(row["low"], row["high"], response, digits)
    if pd.isna(row["estimate"]):
        return with_unit(response, ends)
    return f"{with_unit(response, show(response, row['estimate'], digits))} ({ends})"


def bound(response: Response, row: pd.Series) -> str:
    """What a claim says of its number: "< −0.010"."""
    show, _ = claim_words(row["kind"])
    limit = show(response, row["bound"], digits_of(response, row))
    return unbroken(f"{SIDES[row['direction']]} {limit.removeprefix('+')}")


def digits_of(response: Response, row: pd.Series) -> int:
    """Decimals that show on which side of its limits a claim's interval ends."""
    show, _ = claim_words(row["kind"])
    limits = (row["bound"], row["margin"], -row["margin"])
    return apart(partial(show, response), row[["low", "high"]], limits)


def verdict_text(row: pd.Series) -> str:
    """A claim's verdict with all that it must not be read without."""
    exploratory = ", exploratory" if row["stamps"] else ""
    return f"{row['verdict']} {row['condition']}".strip() + exploratory


def with_unit(response: Response, text: str) -> str:
    """A number with its unit, where it does not carry one."""
    return text if response.unit in ("", "share") else unbroken(f"{text} {response.unit}")
