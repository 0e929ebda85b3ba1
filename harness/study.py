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

from pydantic import BaseModel, ConfigDict, Field, StrictInt, field_validator, model_validator

from harness.claims import Claim, contrast_levels
from harness.errors import Mistake, UserError, suggest
from harness.explain import validated
from harness.fields import Fields
from harness.levels import Level, Levels, Text, format_level, same_level
from harness.responses import require_response

__all__ = ["Level", "Levels", "Study", "format_level", "load_study", "parse_study", "study_names"]

LARGEST_GRID = 20_000  # runs; above it a typing error is likelier than a plan
LARGEST_SEED = 999_999_999
LONGEST_NAME = 80  # characters


EXACT = 2**53  # whole numbers below it are fractions, too, without rounding


def as_its_field(name: str, level: Level) -> Level:
    """A level as the field of that name takes it: a whole number where that is a fraction, too."""
    field = Fields.model_fields.get(name)
    whole = isinstance(level, int) and not isinstance(level, bool) and abs(level) < EXACT
    return float(level) if whole and field and field.annotation is float else level


class Study(BaseModel):
    """A question put to a full-factorial grid of variants over several seeds."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str = Field("", description="the file's name; not written in the file")
    question: Text = Field(min_length=1, max_length=500, description="what the study asks")
    note: Text = Field("", max_length=4000, description="what a reader should know beforehand")
    seeds: tuple[StrictInt, ...] = Field(
        description="a number of seeds n (1..n), or a list of seeds"
    )
    primary: str = Field("final/dev_loss", description="the response that decides")
    fixed: Levels = Field(default_factory=dict, description="fields other than their default")
    factors: dict[str, tuple[Level, ...]] = Field(min_length=1, description="what varies")
    baseline: Levels = Field(description="the reference variant: a level of every factor")
    bare: Levels = Field(default_factory=dict, description="off levels of factors to attribute")
    claims: tuple[Claim, ...] = Field((), description="statements fixed before the runs")

    @field_validator("name")
    @classmethod
    def _fit_for_a_folder(cls, value: str) -> str:
        if len(value) > LONGEST_NAME or value.startswith(".") or not value.isprintable():
            raise ValueError(
                f"must have at most {LONGEST_NAME} printable characters, and no dot at its start"
            )
        return value

    @field_validator("seeds", mode="before")
    @classmethod
    def _count_or_list(cls, value: Any) -> Any:
        if isinstance(value, int) and not isinstance(value, bool):
            if not 1 <= value <= 10_000:
                raise ValueError("must be a number from 1 to 10,000, or a list of seeds")
            return tuple(range(1, value + 1))
        return value

    @field_validator("seeds")
    @classmethod
    def _distinct_seeds(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if not value:
            raise ValueError("must hold at least one seed")
        if len(set(value)) < len(value):
            raise ValueError("must not name a seed twice")
        if min(value) < 0 or max(value) > LARGEST_SEED:
            raise ValueError(f"must be from 0 to {LARGEST_SEED:,}")
        return value

    @field_validator("primary")
    @classmethod
    def _known_primary(cls, value: str) -> str:
        return require_response(value)

    @field_validator("factors")
    @classmethod
    def _levels_as_their_fields(
        cls, value: dict[str, tuple[Level, ...]]
    ) -> dict[str, tuple[Level, ...]]:
        return {
            name: tuple(as_its_field(name, v) for v in levels) for name, levels in value.items()
        }

    @field_validator("fixed", "baseline", "bare")
    @classmethod
    def _level_as_its_field(cls, value: Levels) -> Levels:
        return {name: as_its_field(name, level) for name, level in value.items()}

    @field_validator("factors")
    @classmethod
    def _distinct_levels(cls, value: dict[str, tuple[Level, ...]]) -> dict[str, tuple[Level, ...]]:
        for factor, levels in value.items():
            if not levels:
                raise Mistake(
                    f"must give {factor} some levels", list(levels), "Write some, or fix it."
                )
            if len(set(levels)) < len(levels):
                raise Mistake(f"must not name a level of {factor} twice", list(levels), "Drop one.")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for table, names in (("fixed", self.fixed), ("factors", self.factors)):
            for name in names:
                if name not in Fields.model_fields:
                    hint = suggest(name, Fields.model_fields, "fields")
                    raise Mistake(f"[{table}] must name fields of a run", name, hint)
        for name in self.fixed.keys() & self.factors.keys():
            raise Mistake("no field is both in [fixed] and in [factors]", name, "Drop one of them.")
        for factor, levels in self.factors.items():
            if factor not in self.baseline:
                hint = f"Add {factor} with one of {list(levels)}."
                raise Mistake("[baseline] must name a level of every factor", self.baseline, hint)
        self.require_levels("[baseline]", self.baseline)
        self.require_levels("[bare]", self.bare)
        for claim in self.claims:
            for factor, levels in contrast_levels(claim).items():
                for level in levels:
                    self.require_levels(f"claim '{claim.id}'", {factor: level})
        identifiers = [claim.id for claim in self.claims]
        if len(set(identifiers)) < len(identifiers):
            raise Mistake("every claim must have an id of its own", identifiers, "Change one.")
        return self

    def require_levels(self, where: str, levels: Levels) -> None:
        """Check that each named factor and level is part of this study.

        Raises:
            Mistake: one is not; the remedy suggests the nearest.
        """
        for factor, level in levels.items():
            if factor not in self.factors:
                hint = suggest(factor, self.factors, "factors")
                raise Mistake(f"{where} must name factors of the study", factor, hint)
            if not any(same_level(level, known) for known in self.factors[factor]):
                hint = suggest(level, self.factors[factor], "levels")
                raise Mistake(f"{where} must name a level that {factor} has", level, hint)

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
        return validated(Fields, {**self.fixed, **cell}, f"study '{self.name}'")

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
        return validated(type(self), data, f"study '{self.name}'")


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
        return parse_study(
            files("ablations").joinpath(f"{name_or_path}.toml").read_bytes(), path.stem
        )
    try:
        if path.suffix == ".toml":
            return parse_study(path.read_bytes(), path.stem)
    except (OSError, ValueError) as error:  # ValueError: a null character in the path
        reason = f"{name_or_path!r} ({getattr(error, 'strerror', None) or error})"
    else:
        reason = repr(name_or_path)
    raise UserError(
        "STUDY must be the name of a study or the path of a .toml file", reason,
        suggest(name_or_path.removesuffix(".toml"), study_names(), "studies"),
    )  # fmt: skip


def parse_study(text: bytes, name: str) -> Study:
    """A study from the bytes of its TOML file.

    Raises:
        UserError: the bytes are no TOML, or do not validate.
    """
    where = f"study '{name}'" if name.isprintable() else "the study"
    try:
        data = tomllib.loads(text.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise UserError(
            f"{where} must be TOML in UTF-8", error, "Mend the file at that place."
        ) from None
    if "name" in data:
        raise UserError(f"{where}: unknown key: name", repr(data["name"])[:80],
                        "A study is named by its file; leave it out.")  # fmt: skip
    study = validated(Study, {**data, "name": name}, where)
    variants: dict[Fields, Levels] = {}
    for cell in islice(study.cells(), LARGEST_GRID):
        twin = variants.setdefault(study.fields(cell), cell)
        if twin is not cell:
            raise UserError(f"{where}: variants must differ in what they train",
                            f"{cell}, which is the same as {twin}",
                            "Take out one of the levels.")  # fmt: skip
    return study
