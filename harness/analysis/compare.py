"""Two variants side by side."""

import pandas as pd

from harness.analysis.effects import note, usable
from harness.analysis.frames import StudyData
from harness.analysis.grid import contrast
from harness.analysis.intervals import mean
from harness.analysis.stages import needed_grid
from harness.errors import UserError, suggest
from harness.study.levels import PART

COLUMNS = ("response", "first", "second", "estimate", "low", "high", "n", "note")


def compare(data: StudyData, first: str, second: str) -> pd.DataFrame:
    """Second − first of every response, paired by seed, with 95 % intervals; exploratory.

    Args:
        data: the study's.
        first, second: variants by name; parts of a name may be left out as long as it fits one
            variant ("batch, depth 5").

    Returns:
        COLUMNS: each variant's mean over the seeds that both have, and their difference.

    Raises:
        UserError: a name fits no variant, or several, or both name the same.
    """
    one, other = find_variant(data, first), find_variant(data, second)
    if one == other:
        raise UserError("the two variants must differ", repr(one), "Name another one.")
    rows = []
    for response in data.study.model.responses:
        measured = needed_grid(data, response)
        used = contrast(measured, {other: 1.0, one: -1.0})
        if len(used.values):
            both = measured.values.loc[[one, other], list(used.seeds)].to_numpy()
            found = usable(used)
            rows.append((response, *map(mean, both), found.estimate, found.low, found.high,
                         found.n, note(used, found)))  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS))


def find_variant(data: StudyData, name: str) -> str:
    """The one variant meant by a name, whole or in part: some of its levels, in any order.

    Raises:
        UserError: it fits none, or several.
    """
    variants = data.variants()
    if name in variants:
        return name
    fitting = [variant for variant in variants if _parts(name) <= _parts(variant)]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise UserError(
            "the name must match exactly one variant",
            f"{name!r}, which matches {len(fitting)}",
            f"Be more precise, such as '{fitting[0]}'.",
        )
    raise UserError(
        "the study must have the variant", repr(name), suggest(name, variants, "variants")
    )


def _parts(name: str) -> set[str]:
    return {part.strip() for part in PART.findall(name) if part.strip()}
