"""Two variants side by side."""

import pandas as pd

from harness.analysis.effects import note, usable
from harness.analysis.frames import StudyData
from harness.analysis.grid import contrast, grid
from harness.errors import UserError, suggest
from harness.responses import RESPONSES

COLUMNS = ("response", "first", "second", "estimate", "low", "high", "n", "note")


def compare(data: StudyData, first: str, second: str) -> pd.DataFrame:
    """Second − first of every response, paired by seed, with 95 % intervals; exploratory.

    Args:
        data: the study's.
        first, second: variants by name; what they have in their names may be left out as long as
            one variant remains ("batch depth 5").

    Returns:
        COLUMNS: each variant's mean over the seeds that both have, and their difference.

    Raises:
        UserError: a name fits no variant, or several.
    """
    one, other = find_variant(data, first), find_variant(data, second)
    if one == other:
        raise UserError("Two different variants are compared", repr(one), "Name another one.")
    rows = [_row(data, name, one, other) for name in RESPONSES]
    return pd.DataFrame([row for row in rows if row], columns=list(COLUMNS))


def find_variant(data: StudyData, name: str) -> str:
    """The one variant meant by a name, whole or in part.

    Raises:
        UserError: it fits none, or several.
    """
    variants = data.variants()
    words = _words(name)
    if name in variants:
        return name
    fitting = [variant for variant in variants if words <= _words(variant)]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise UserError(
            "A variant's name must fit one variant", f"{name!r}, which fits {len(fitting)}",
            f"Be more precise, such as '{fitting[0]}'.",
        )  # fmt: skip
    raise UserError("There must be such a variant", repr(name), suggest(name, variants, "variants"))


def _words(name: str) -> set[str]:
    """The parts of a variant's name, in any order: levels, or a factor with its level."""
    return {part.strip() for part in name.split(",") if part.strip()}


def _row(data: StudyData, response: str, one: str, other: str) -> tuple[object, ...] | None:
    measured = grid(data, response)
    used = contrast(measured, {other: 1.0, one: -1.0})
    if not len(used.values):
        return None
    means = measured.values.loc[[one, other], list(used.seeds)].mean(axis=1)
    found = usable(used)
    return (response, means[one], means[other], found.estimate, found.low, found.high, found.n,
            note(used, found))  # fmt: skip
