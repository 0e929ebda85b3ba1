"""Partial grids: which combinations of levels a study leaves out, and the checks of what it says.

`Study.allows` applies it: a combination is left out if it is in a table of `exclude`; if a factor
in `only` is at another level than the baseline's where it has no meaning; or if it differs from the
baseline in several factors and the design is one at a time.
"""

from itertools import islice, product
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from harness.errors import InvalidValue
from harness.study.claims import Claim, terms
from harness.study.levels import Levels, Where, WhereTable, levels_in, matches

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.study.study import Study

MOST_VARIANTS = 20_000  # of a partial grid, which are counted one by one


class Only(BaseModel):
    """A factor that varies in some places only, and keeps its baseline level elsewhere."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    factor: str = Field(description="the factor that varies only in these places")
    where: WhereTable = Field(
        min_length=1, description="the places: one or more levels of other factors"
    )


def require_partial(study: "Study") -> None:
    """Check what a study says of combinations that it leaves out.

    Raises:
        InvalidValue: it names what is not there, or leaves out too much, or nothing.
    """
    if not study.partial:
        return
    for i, table in enumerate(study.exclude, 1):
        study.require_levels(f"[[exclude]], entry {i}", table)
    for i, rule in enumerate(study.only, 1):
        study.require_levels(f"[[only]], entry {i}", {rule.factor: (), **rule.where})
    _require_excludes(study)
    _require_onlies(study)
    _require_levels(study)


def _require_excludes(study: "Study") -> None:
    for i, table in enumerate(study.exclude, 1):
        name = f"[[exclude]], entry {i}"
        if _everywhere(study, table):
            raise InvalidValue(
                f"{name} must not match every variant",
                table,
                "Name the levels of the combination to leave out.",
            )
        if matches(study.baseline, table):
            raise InvalidValue(
                f"{name} must not match the baseline",
                table,
                "Name other levels, or choose another baseline.",
            )
        others = study.exclude[: i - 1] + study.exclude[i:]
        if _none(study.model_copy(update={"exclude": others, "design": "full"}), table):
            raise InvalidValue(
                f"{name} must match some variant",
                table,
                "Remove it: no variant that it names is left.",
            )


def _require_onlies(study: "Study") -> None:
    for i, rule in enumerate(study.only, 1):
        name = f"[[only]], entry {i}"
        if rule.factor in rule.where:
            raise InvalidValue(
                f"{name} must have no condition on its own factor",
                rule.where,
                "Name levels of other factors.",
            )
        if [other.factor for other in study.only].count(rule.factor) > 1:
            raise InvalidValue(
                f"{name} must not repeat the factor of another",
                rule.factor,
                "Write all conditions in one 'where'.",
            )
        if _everywhere(study, rule.where):
            raise InvalidValue(
                f"{name} must not hold everywhere",
                rule.where,
                "Name fewer levels, or remove the table.",
            )
        changes = tuple(x for x in study.factors[rule.factor] if x != study.baseline[rule.factor])
        if changes and _none(study, {**rule.where, rule.factor: changes}):
            place = "the baseline" if study.design == "one_at_a_time" else "some variants"
            raise InvalidValue(
                f"{name} must hold where {rule.factor} can vary",
                rule.where,
                f"With this grid it must hold in {place}.",
            )


def _require_levels(study: "Study") -> None:
    variants = list(islice(study.cells(), MOST_VARIANTS + 1))
    if len(variants) > MOST_VARIANTS:
        raise InvalidValue(
            f"a partial grid must have at most {MOST_VARIANTS:,} variants",
            {factor: len(levels) for factor, levels in study.factors.items()},
            "Remove levels.",
        )
    there = {one for variant in variants for one in variant.items()}
    for factor, levels in study.factors.items():
        for level in levels:
            if (factor, level) not in there:
                raise InvalidValue(
                    "every level must be in a variant",
                    {factor: level},
                    "Remove it from [factors], or keep a combination that has it.",
                )


def require_variants(study: "Study", claim: Claim) -> None:
    """Check that a claim has variants wherever its `where` says.

    Raises:
        InvalidValue: for some combination of the levels that `where` names, no place has every
            variant that the claim compares; a missing one is named.
    """
    parts, meant = [part for _, part in terms(claim)], levels_in(claim.where)
    for levels in product(*meant.values()) if study.partial else ():
        where = dict(zip(meant, levels, strict=True))
        if not study.places(parts, where):
            raise InvalidValue(
                f"claim '{claim.id}' must be about variants of the grid",
                _missing(study, parts, where),
                "The grid leaves that combination out: change the claim, or put the combination "
                "back.",
            )


def _missing(study: "Study", parts: "Sequence[Levels]", where: Levels) -> Levels:
    """A combination of levels that no variant has, which the comparison of these parts needs."""
    for part in parts:
        if _none(study, where | part):
            return where | part
    cell = next(study.cells(where | parts[0]))
    return next(cell | part for part in parts if not study.allows(cell | part))


def _everywhere(study: "Study", where: Where) -> bool:
    """Whether every combination of levels matches."""
    return all(set(study.factors[f]) <= set(levels) for f, levels in levels_in(where).items())


def _none(study: "Study", where: Where) -> bool:
    """Whether there is no variant in these places."""
    return next(study.cells(where), None) is None
