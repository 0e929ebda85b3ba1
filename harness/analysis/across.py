"""Several studies side by side, where their factors line up.

A field that one study varies and another fixes lines up at the levels that both have. One without
a common level does not, and each study's mean is then over its own levels of it; nor does a field
that a study tunes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from harness.analysis.effects import usable
from harness.analysis.frames import StudyData
from harness.analysis.grid import Weights, cell_label, contrast, mean_over
from harness.analysis.intervals import NO_ESTIMATE, estimate
from harness.analysis.stages import needed_grid
from harness.analysis.verdicts import verdicts
from harness.errors import UserError
from harness.study.levels import Level, Levels, format_level, place_label, same_level
from harness.study.plan import variant_label
from harness.study.study import Study

COLUMNS = ("place", "study", "mean", "low", "high", "n", "estimate", "difference_low",
           "difference_high", "pairs", "variants")  # fmt: skip


@dataclass(frozen=True)
class Alignment:
    """How the factors of some studies line up.

    Attributes:
        common: the levels that all studies have, of each factor that lines up.
        apart: what each study has of the fields that do not line up, in words.
    """

    common: dict[str, tuple[Level, ...]]
    apart: dict[str, tuple[str, ...]]

    def places(self, study: Study) -> list[Levels]:
        """The combinations of common levels that a study has."""
        found: dict[str, Levels] = {}
        for cell in study.cells():
            place = {f: cell.get(f, levels[0]) for f, levels in self.common.items()}
            if all(_among(level, self.common[f]) for f, level in place.items()):
                found.setdefault(place_label(place), place)
        return list(found.values())

    def label(self, place: Levels) -> str:
        """A place in words, without the factors that have one common level."""
        return variant_label({f: x for f, x in place.items() if len(self.common[f]) > 1}) or "all"


def align(studies: Sequence[Study]) -> Alignment:
    """How the factors of some studies of one subject line up.

    Raises:
        UserError: the subjects differ.
    """
    subjects = list(dict.fromkeys(study.subject for study in studies))
    if len(subjects) > 1:
        raise UserError(
            "studies to compare must have the same subject",
            ", ".join(subjects),
            "Compare studies of the same subject.",
        )
    common: dict[str, tuple[Level, ...]] = {}
    apart: dict[str, tuple[str, ...]] = {}
    for field in dict.fromkeys([*studies[0].factors, *studies[0].model.Fields.model_fields]):
        levels = [levels_of(study, field) for study in studies]
        shared = tuple(
            level for level in levels[0] if all(_among(level, others) for others in levels[1:])
        )
        if any(field in study.tuned for study in studies) or (any(levels) and not shared):
            apart[field] = tuple(
                f"tuned over {named}" if field in study.tuned else named or "as others have it"
                for study, mine in zip(studies, levels, strict=True)
                for named in [", ".join(map(format_level, mine))]
            )
        elif any(field in study.factors for study in studies):
            common[field] = shared
    return Alignment(common, apart)


def levels_of(study: Study, field: str) -> tuple[Level, ...]:
    """The levels of a field in a study: one where it is fixed, none where it follows others."""
    if field in study.varied:
        return study.varied[field]
    values = {getattr(study.fields(cell), field) for cell in study.trained()}
    return tuple(values) if len(values) == 1 else ()


def _among(level: Level, levels: Sequence[Level]) -> bool:
    return any(same_level(level, one) for one in levels)


def across_table(data: Sequence[StudyData], response: str) -> pd.DataFrame:
    """A response of several studies where their factors line up, with 95 % intervals.

    Args:
        data: of the studies, the one that the others are compared with first.
        response: its name.

    Returns:
        COLUMNS, a row a place and study: the mean over the `variants` there; how far it is from the
        first study's, paired by the seeds that both have. NaN where a study has no runs.

    Raises:
        UserError: the subjects differ.
    """
    aligned = align([one.study for one in data])
    grids = [needed_grid(one, response) for one in data]
    rows = []
    for place in aligned.places(data[0].study):
        weights = [_weights(one.study, place) for one in data]
        used = [contrast(g, w) for g, w in zip(grids, weights, strict=True)]
        first = dict(zip(used[0].seeds, used[0].values, strict=True))
        for one, found, named in zip(data, used, weights, strict=True):
            mean = usable(found)
            pairs = zip(found.seeds, found.values, strict=True)
            both = [value - first[seed] for seed, value in pairs if seed in first]
            known = one is not data[0] and not (found.diverged or used[0].diverged)
            apart = estimate(np.array(both)) if known else NO_ESTIMATE
            rows.append((
                aligned.label(place), one.study.name, mean.estimate, mean.low, mean.high, mean.n,
                apart.estimate, apart.low, apart.high, apart.n, len(named),
            ))  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS))


def verdicts_across(data: Sequence[StudyData]) -> pd.DataFrame:
    """The verdicts on claims that several studies make alike: id, what it says, and their words."""
    found = [{v.claim.id: v for v in verdicts(one)} for one in data]
    first = {name: v.claim.says for name, v in found[0].items()}
    shared = [
        {name: v for name, v in words.items() if first.get(name) == v.claim.says} for words in found
    ]
    rows = [
        {"id": name, "says": v.claim.says}
        | {one.study.name: alike[name].word if name in alike else ""
           for one, alike in zip(data, shared, strict=True)}
        for name, v in found[0].items() if any(name in alike for alike in shared[1:])
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["id", "says", *(one.study.name for one in data)])


def _weights(study: Study, place: Levels) -> Weights:
    """Of the mean over the study's variants with these levels."""
    where = {factor: level for factor, level in place.items() if factor in study.factors}
    variants = [cell_label(study, cell) for cell in study.cells(where)]
    return mean_over(variants) if variants else {}
