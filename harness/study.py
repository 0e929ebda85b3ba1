"""A study: a question, its factors, seeds and claims, read from one TOML file."""

import hashlib
import json
import tomllib
from collections.abc import Iterator
from importlib.resources import files
from itertools import islice, product
from math import prod
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from harness.claims import Claim, contrast_levels
from harness.errors import UserError, suggest
from harness.fields import Fields
from harness.responses import require_response

Level = bool | int | float | str
Levels = dict[str, Level]

LARGEST_GRID = 20_000  # runs; above it a typing error is likelier than a plan


def format_level(level: Level) -> str:
    """A level as text, the same wherever it is shown: yes and no, numbers without padding."""
    if isinstance(level, bool):
        return "yes" if level else "no"
    return f"{level:g}" if isinstance(level, float) else str(level)


class Study(BaseModel):
    """A question put to a full-factorial grid of variants over several seeds."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str = Field("", description="the file's name; not written in the file")
    question: str = Field(min_length=1, max_length=500, description="what the study asks")
    note: str = Field("", max_length=4000, description="what a reader should know beforehand")
    seeds: tuple[int, ...] = Field(description="a number of seeds n (1..n), or a list of seeds")
    primary: str = Field("final/dev_loss", description="the response that decides")
    fixed: Levels = Field(default_factory=dict, description="fields other than their default")
    factors: dict[str, tuple[Level, ...]] = Field(min_length=1, description="what varies")
    baseline: Levels = Field(description="the reference variant: a level of every factor")
    bare: Levels = Field(default_factory=dict, description="off levels of factors to attribute")
    claims: tuple[Claim, ...] = Field((), description="statements fixed before the runs")

    @field_validator("seeds", mode="before")
    @classmethod
    def _count_or_list(cls, value: Any) -> Any:
        if isinstance(value, int) and not isinstance(value, bool):
            if not 1 <= value <= 10_000:
                raise ValueError("must be between 1 and 10,000, or a list of seeds")
            return tuple(range(1, value + 1))
        return value

    @field_validator("seeds")
    @classmethod
    def _distinct_seeds(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if not value:
            raise ValueError("needs at least one seed")
        if len(set(value)) < len(value):
            raise ValueError("names a seed twice")
        if min(value) < 0:
            raise ValueError("must not be negative")
        return value

    @field_validator("primary")
    @classmethod
    def _known_primary(cls, value: str) -> str:
        return require_response(value)

    @field_validator("factors")
    @classmethod
    def _distinct_levels(cls, value: dict[str, tuple[Level, ...]]) -> dict[str, tuple[Level, ...]]:
        for factor, levels in value.items():
            if not levels:
                raise ValueError(f"'{factor}' has no levels")
            if len(set(levels)) < len(levels):
                raise ValueError(f"'{factor}' names a level twice")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for table, names in (("fixed", self.fixed), ("factors", self.factors)):
            for name in names:
                if name not in Fields.model_fields:
                    hint = suggest(name, Fields.model_fields, "fields")
                    raise ValueError(
                        f"[{table}] names '{name}', which is no field of a run. {hint}"
                    )
        for name in self.fixed.keys() & self.factors.keys():
            raise ValueError(f"'{name}' is both fixed and a factor")
        for factor in self.factors:
            if factor not in self.baseline:
                raise ValueError(f"[baseline] names no level of '{factor}'")
        self.require_levels("baseline", self.baseline)
        self.require_levels("bare", self.bare)
        for claim in self.claims:
            for factor, levels in contrast_levels(claim).items():
                for level in levels:
                    self.require_levels(f"claim '{claim.id}'", {factor: level})
        identifiers = [claim.id for claim in self.claims]
        if len(set(identifiers)) < len(identifiers):
            raise ValueError("two claims have the same id")
        return self

    def require_levels(self, where: str, levels: Levels) -> None:
        """Check that each named factor and level is part of this study.

        Raises:
            ValueError: one is not; the message suggests the nearest.
        """
        for factor, level in levels.items():
            if factor not in self.factors:
                hint = suggest(factor, self.factors, "factors")
                raise ValueError(
                    f"{where} names the factor '{factor}', which does not vary. {hint}"
                )
            if level not in self.factors[factor]:
                hint = suggest(level, self.factors[factor], "levels")
                raise ValueError(f"{where} names the level {level!r} of '{factor}'. {hint}")

    def size(self) -> int:
        """The number of runs: cells × seeds."""
        return prod(len(levels) for levels in self.factors.values()) * len(self.seeds)

    def cells(self) -> Iterator[Levels]:
        """All combinations of levels, in the order of the file, the last factor fastest."""
        for levels in product(*self.factors.values()):
            yield dict(zip(self.factors, levels, strict=True))

    def fields(self, cell: Levels) -> Fields:
        """The fields of a run of this cell.

        Raises:
            UserError: a level is out of range, or does not go with the others.
        """
        try:
            return Fields.model_validate({**self.fixed, **cell})
        except ValidationError as error:
            raise UserError(*explain(error, f"study '{self.name}'")) from None

    def claims_digest(self) -> str:
        """A hash of the claims as written: a later change of them shows."""
        text = json.dumps([claim.model_dump(mode="json") for claim in self.claims], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def override(self, *, steps: int | None = None, seeds: tuple[int, ...] | None = None) -> Self:
        """The same study with other steps or seeds, as asked for on the command line."""
        data = self.model_dump(mode="json")
        if seeds is not None:
            data["seeds"] = seeds
        if steps is not None:
            if "steps" in self.factors:
                raise UserError(
                    "--steps needs a study whose steps do not vary",
                    f"'{self.name}', in which they are a factor", "Leave --steps out.",
                )  # fmt: skip
            data["fixed"] = {**self.fixed, "steps": steps}
        changed: Self = validated(type(self), data, f"study '{self.name}'")
        return changed


def validated(model: Any, data: Any, where: str) -> Any:
    """An instance of the model.

    Raises:
        UserError: the data do not fit; the message names the place, rule, value and remedy.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise UserError(*explain(error, where)) from None


def explain(error: ValidationError, where: str) -> tuple[str, str, str]:
    """Rule, value received and remedy of the first thing wrong."""
    first = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"]) or "the study"
    if first["type"] == "extra_forbidden":
        word = first["loc"][-1]
        return (
            f"{where}: unknown key '{place}'", repr(first["input"])[:80],
            suggest(word, Study.model_fields.keys() - {"name"}, "keys"),
        )  # fmt: skip
    message = first["msg"].removeprefix("Value error, ")
    received = "nothing" if first["type"] == "missing" else repr(first["input"])[:80]
    others = f" ({error.error_count() - 1} more below it)" if error.error_count() > 1 else ""
    return f"{where}: {place}: {message.rstrip('.')}", received, f"Mend that entry{others}."


def study_names() -> list[str]:
    """Names of the studies installed with the package."""
    return sorted(
        entry.name.removesuffix(".toml")
        for entry in files("ablations").iterdir()
        if entry.name.endswith(".toml")
    )


def load_study(name_or_path: str) -> Study:
    """A study by its name in `ablations/`, or by the path of a TOML file.

    Raises:
        UserError: there is no such study, it is no TOML, or it does not validate.
    """
    path = Path(name_or_path)
    if path.suffix != ".toml" and name_or_path in study_names():
        text = files("ablations").joinpath(f"{name_or_path}.toml").read_bytes()
    elif path.suffix == ".toml" and path.is_file():
        text = path.read_bytes()
    else:
        raise UserError(
            "STUDY must be the name of a study or the path of a .toml file", repr(name_or_path),
            suggest(name_or_path, study_names(), "studies"),
        )  # fmt: skip
    return parse_study(text, path.stem)


def parse_study(text: bytes, name: str) -> Study:
    """A study from the bytes of its TOML file.

    Raises:
        UserError: the bytes are no TOML, or do not validate.
    """
    try:
        data = tomllib.loads(text.decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(
            f"study '{name}' must be TOML in UTF-8", str(error), "Mend the file at that place."
        ) from None
    study: Study = validated(Study, {**data, "name": name}, f"study '{name}'")
    for cell in islice(study.cells(), LARGEST_GRID):
        study.fields(cell)
    return study


def parse_levels(text: str, factors: dict[str, tuple[Level, ...]]) -> Levels:
    """Levels written as "factor=level,factor=level", each level as in tables.

    Raises:
        UserError: a factor or level is not among those given.
    """
    levels: Levels = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        factor, _, written = (word.strip() for word in part.partition("="))
        if factor not in factors:
            raise UserError(
                "a variant is written as factor=level,factor=level", repr(part),
                suggest(factor, factors, "factors"),
            )  # fmt: skip
        known = {format_level(level): level for level in factors[factor]}
        if written not in known:
            raise UserError(
                f"'{factor}' must have one of the study's levels", repr(written),
                suggest(written, known, "levels"),
            )  # fmt: skip
        levels[factor] = known[written]
    return levels
