"""Claims: statements written in a study before its runs, to be given a verdict afterwards."""

from collections.abc import Callable
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from harness.study.levels import LARGEST, Level, Levels, Text, WhereTable, levels_in

# neither true nor a number in quotes
Number = Annotated[float, Field(strict=True, ge=-LARGEST, le=LARGEST)]


class _Claim(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=60, description="short name")
    says: Text = Field(min_length=1, max_length=300, description="the claim in words")
    response: str = Field(
        "", description="the response that decides; default: the study's primary one"
    )
    where: WhereTable = Field(
        default_factory=dict,
        description="the cells of the claim: one or more levels of some factors",
    )
    over: Literal["every", "mean"] = Field(
        "mean", description="whether it must hold in every one of these cells, or in their mean"
    )


class Threshold(_Claim):
    """The response stays on one side of a number."""

    kind: Literal["threshold"]
    below: Number | None = Field(None, description="the response is less than this")
    above: Number | None = Field(None, description="the response is more than this")

    @model_validator(mode="after")
    def _one_side(self) -> Self:
        if (self.below is None) == (self.above is None):
            raise ValueError("must have exactly one of 'below' and 'above'")
        return self


class _Contrast(_Claim):
    factor: str = Field(description="the factor whose levels are compared")
    level: Level = Field(description="the level the claim is about")
    versus: Level = Field(description="the level it is compared with")
    margin: Number | None = Field(
        None, ge=0, description="δ, in the response's unit; default: the response's own"
    )

    @model_validator(mode="after")
    def _two_levels(self) -> Self:
        if self.level == self.versus:
            raise ValueError("must name two levels: 'level' and 'versus' are the same")
        if self.factor in self.where:
            raise ValueError(f"must leave '{self.factor}' out of 'where': its levels are compared")
        return self

    @property
    def delta(self) -> float:
        """The margin, which a study fills in where its file leaves it out."""
        return self.margin or 0.0


class Difference(_Contrast):
    """The level's response is lower (or higher) than the other level's by more than the margin."""

    kind: Literal["difference"]
    margin: Number | None = Field(
        None,
        description="δ, in the response's unit; default: the response's own; if negative, the "
        "claim is: worse by less than this",
    )
    direction: Literal["lower", "higher"] = Field("lower", description="of level against versus")


class Equivalence(_Contrast):
    """The two levels' responses differ by less than the margin, either way."""

    kind: Literal["equivalence"]

    @model_validator(mode="after")
    def _some_margin(self) -> Self:
        if self.margin == 0:
            raise ValueError("must have a margin above 0: no data show a difference of 0")
        return self


class Interaction(_Contrast):
    """The difference is lower (or higher) at `at[0]` of another factor than at `at[1]`."""

    kind: Literal["interaction"]
    by: str = Field(description="the other factor")
    at: tuple[Level, Level] = Field(
        description="its two levels: the difference at the first − at the second"
    )
    direction: Literal["lower", "higher"] = Field("lower", description="of at[0] against at[1]")

    @model_validator(mode="after")
    def _two_factors(self) -> Self:
        if self.by == self.factor:
            raise ValueError("must name two factors: 'by' and 'factor' are the same")
        if self.at[0] == self.at[1]:
            raise ValueError("must name two levels in 'at'")
        if self.by in self.where:
            raise ValueError(f"must leave '{self.by}' out of 'where': its levels are compared")
        return self


Claim = Annotated[Threshold | Difference | Equivalence | Interaction, Field(discriminator="kind")]
KINDS: dict[str, type[BaseModel]] = {
    "threshold": Threshold,
    "difference": Difference,
    "equivalence": Equivalence,
    "interaction": Interaction,
}


def named_levels(claim: Claim) -> dict[str, tuple[Level, ...]]:
    """Every factor that a claim names, with the levels it names of it."""
    named = levels_in(claim.where)
    if not isinstance(claim, Threshold):
        named[claim.factor] = (claim.level, claim.versus)
    if isinstance(claim, Interaction):
        named[claim.by] = claim.at
    return named


def with_levels(claim: Claim, fit: Callable[[str, Level], Level]) -> dict[str, Any]:
    """The keys of a claim that hold levels, each level as `fit` has it for its factor."""
    found: dict[str, Any] = {
        "where": {
            factor: tuple(fit(factor, one) for one in meant)
            if isinstance(meant, tuple) else fit(factor, meant)
            for factor, meant in claim.where.items()
        }
    }  # fmt: skip
    if not isinstance(claim, Threshold):
        found |= {key: fit(claim.factor, getattr(claim, key)) for key in ("level", "versus")}
    if isinstance(claim, Interaction):
        found["at"] = tuple(fit(claim.by, level) for level in claim.at)
    return found


def terms(claim: Claim) -> list[tuple[int, Levels]]:
    """The levels that a claim compares, each with its sign; a threshold compares none."""
    if isinstance(claim, Threshold):
        return [(1, {})]
    pair: list[tuple[int, Levels]] = [
        (1, {claim.factor: claim.level}), (-1, {claim.factor: claim.versus}),
    ]  # fmt: skip
    if not isinstance(claim, Interaction):
        return pair
    first, second = ({claim.by: level} for level in claim.at)
    return [(sign, part | first) for sign, part in pair] + [
        (-sign, part | second) for sign, part in pair
    ]
