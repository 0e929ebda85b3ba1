"""A study: a question, its subject, factors, seeds and claims, as one TOML file states them."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import combinations, product
from math import prod
from typing import Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictInt,
    ValidationInfo,
    field_validator,
    model_validator,
)

from harness.errors import InvalidValue, UserError, suggest
from harness.study.claims import Claim, named_levels, with_levels
from harness.study.levels import (
    Level,
    Levels,
    Text,
    Where,
    WhereTable,
    format_level,
    level_name,
    levels_in,
    matches,
    same_level,
    shown,
)
from harness.study.partial import Only, require_partial, require_variants
from harness.study.validation import validated
from harness.subjects import DEFAULT, find_subject, subjects_with
from harness.subjects.subject import Response, RunFields, Subject

FEWEST_TO_TUNE = 3  # seeds: with one left out, another is chosen for by the rest
LARGEST_SEED = 999_999_999
LONGEST_NAME = 80  # characters
EXACT = 2**53  # whole numbers below it are exact as floats


class Study(BaseModel):
    """A question put to a factorial grid of variants, whole or in part, over several seeds."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str = Field("", description="the file's name; not written in the file")
    question: Text = Field(min_length=1, max_length=500, description="what the study asks")
    note: Text = Field("", max_length=4000, description="what readers of the report should know")
    subject: Text = Field(DEFAULT, description="what is trained")
    data: Text | None = Field(
        None,
        description="training data: a name that the subject knows, or a path relative to this "
        "file; default: the subject's own choice",
    )
    seeds: tuple[StrictInt, ...] = Field(
        description="a number n, for the seeds 1 to n; a list of seeds; or a table with looks"
    )
    looks: tuple[StrictInt, ...] | Literal["any"] = Field(
        (), description="numbers of seeds at which verdicts are given; written in the table `seeds`"
    )
    primary: str = Field(
        "", validate_default=True, description="the primary response; default: the subject's"
    )
    fixed: Levels = Field(default_factory=dict, description="fields that differ from their default")
    factors: dict[str, tuple[Level, ...]] = Field(min_length=1, description="what varies")
    design: Literal["full", "one_at_a_time"] = Field(
        "full",
        description="`full`: every combination of levels; `one_at_a_time`: the baseline and each "
        "single change of it",
    )
    exclude: tuple[WhereTable, ...] = Field(
        (), description="combinations left out: one or more levels of some factors"
    )
    only: tuple[Only, ...] = Field((), description="factors that vary only in some places")
    tuned: dict[str, tuple[Level, ...]] = Field(
        default_factory=dict,
        description="fields for which each variant is judged at its best level",
    )
    baseline: Levels = Field(
        description="the reference variant: a level of every factor and tuned field; for a factor "
        "in `only`, the default is the field's"
    )
    bare: Levels = Field(
        default_factory=dict, description="the off level of each factor in the attribution"
    )
    claims: tuple[Claim, ...] = Field((), description="statements fixed before the runs")

    @model_validator(mode="before")
    @classmethod
    def _seeds_with_looks(cls, data: Any) -> Any:
        """`seeds = { looks = [5, 10] }` as the seeds 1 to 10 and the looks."""
        if not (isinstance(data, dict) and isinstance(data.get("seeds"), dict)):
            return data
        table = data["seeds"]
        looks, count = table.get("looks"), table.get("count")
        if looks == "any" and len(table) == 2 and type(count) is int:
            return {**data, "seeds": count, "looks": looks}
        if table.keys() != {"looks"} or not _rising(looks):
            raise InvalidValue(
                "a table of seeds must have looks, two or more increasing numbers of seeds from 2, "
                'or a count of seeds and looks = "any"',
                table,
                "Write seeds = { looks = [5, 10, 20] }, or leave the looks out: seeds = 10.",
            )
        return {**data, "seeds": looks[-1], "looks": tuple(looks)}

    @field_validator("name")
    @classmethod
    def _fit_for_a_folder(cls, value: str) -> str:
        if len(value) > LONGEST_NAME or value.startswith(".") or not value.isprintable():
            raise ValueError(
                f"must have at most {LONGEST_NAME} printable characters, and must not begin with "
                "a dot"
            )
        return value

    @field_validator("subject")
    @classmethod
    def _known_subject(cls, value: str) -> str:
        find_subject(value)  # its UserError is not pydantic's, and passes through as it is
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
    def _known_primary(cls, value: str, info: ValidationInfo) -> str:
        if "subject" not in info.data:
            return value  # the subject's own error is reported
        subject = find_subject(info.data["subject"])
        return require_response(value or subject.primary, subject)

    @field_validator("factors", "tuned")
    @classmethod
    def _levels_fit_their_fields(
        cls, value: dict[str, tuple[Level, ...]], info: ValidationInfo
    ) -> dict[str, tuple[Level, ...]]:
        return {
            name: tuple(fit_field(name, level, info) for level in levels)
            for name, levels in value.items()
        }

    @field_validator("factors", "tuned")
    @classmethod
    def _distinct_levels(cls, value: dict[str, tuple[Level, ...]]) -> dict[str, tuple[Level, ...]]:
        for factor, levels in value.items():
            if not levels:
                raise InvalidValue(
                    f"must list levels of {factor}",
                    list(levels),
                    "Write levels, or move the field to [fixed].",
                )
            if len(set(levels)) < len(levels):
                raise InvalidValue(
                    f"must not name a level of {factor} twice", list(levels), "Drop one."
                )
            names = [level_name(factor, level) for level in levels]
            if len(levels) > min(len(set(names)), len(set(map(format_level, levels)))):
                raise InvalidValue(
                    f"must not list levels of {factor} that are alike, with numbers to six digits",
                    list(levels),
                    "Drop one, or set them further apart.",
                )
        return value

    @field_validator("fixed", "baseline", "bare")
    @classmethod
    def _level_fits_its_field(cls, value: Levels, info: ValidationInfo) -> Levels:
        return {name: fit_field(name, level, info) for name, level in value.items()}

    @field_validator("baseline")
    @classmethod
    def _default_where_a_factor_has_no_meaning(cls, value: Levels, info: ValidationInfo) -> Levels:
        """The baseline, with the default of each factor in `only` that it leaves out."""
        if not {"subject", "factors", "only"} <= info.data.keys():
            return value
        fields = find_subject(info.data["subject"]).Fields.model_fields
        factors, filled = info.data["factors"], dict(value)
        for name in (rule.factor for rule in info.data["only"]):
            if name in fields and fields[name].default in factors.get(name, ()):
                filled.setdefault(name, fit_field(name, fields[name].default, info))
        return filled

    @field_validator("claims")
    @classmethod
    def _claims_on_known_responses(
        cls, value: tuple[Claim, ...], info: ValidationInfo
    ) -> tuple[Claim, ...]:
        """The claims with their response and margin filled in where the file leaves them out."""
        if not {"subject", "primary"} <= info.data.keys():
            return value
        subject = find_subject(info.data["subject"])
        filled = []
        for claim in value:
            try:
                name = require_response(claim.response or info.data["primary"], subject)
            except InvalidValue as error:
                place = f"claim '{claim.id}', response"
                raise InvalidValue(f"{place} {error.rule}", error.received, error.remedy) from None
            change = {"response": name, **with_levels(claim, partial(fit_field, info=info))}
            if getattr(claim, "margin", 0.0) is None:
                change["margin"] = subject.responses[name].margin
            filled.append(claim.model_copy(update=change))
        return tuple(filled)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        self._require_fields()
        self._require_tunable()
        self.require_levels("[baseline]", self.baseline, self.varied)
        self.require_levels("[bare]", self.bare)
        require_partial(self)
        self._require_claims()
        return self

    def _require_fields(self) -> None:
        """Check that the tables name fields of a run, each once; the baseline, all that vary."""
        known = self.model.Fields.model_fields
        tables: dict[str, Mapping[str, Any]] = {
            "fixed": self.fixed, "factors": self.factors, "tuned": self.tuned
        }  # fmt: skip
        for table, names in tables.items():
            for name in names:
                if name not in known:
                    hint = suggest(name, known, "fields")
                    if others := subjects_with(name):
                        hint = f"It is a field of subject {' and '.join(others)}. {hint}"
                    raise InvalidValue(f"[{table}] must name fields of a run", name, hint)
        for (one, these), (other, those) in combinations(tables.items(), 2):
            for name in these.keys() & those.keys():
                raise InvalidValue(
                    f"a field must not be in both [{one}] and [{other}]", name, "Drop one of them."
                )
        for factor, levels in self.varied.items():
            if factor not in self.baseline:
                hint = f"Add {factor} with one of {shown(levels)}."
                which = "factor" if factor in self.factors else "tuned field"
                raise InvalidValue(
                    f"[baseline] must name a level of every {which}", self.baseline, hint
                )

    def _require_claims(self) -> None:
        """Check that every claim is about variants of the study, and has an id of its own."""
        for claim in self.claims:
            for name in named_levels(claim).keys() & self.tuned.keys():
                raise InvalidValue(
                    f"claim '{claim.id}' must not name a tuned field, of which each variant takes "
                    "its best level",
                    name,
                    f"Make {name} a factor, or leave it out of the claim.",
                )
            self.require_levels(f"claim '{claim.id}'", named_levels(claim))
            require_variants(self, claim)
        identifiers = [claim.id for claim in self.claims]
        if len(set(identifiers)) < len(identifiers):
            raise InvalidValue("every claim must have a different id", identifiers, "Change one.")

    def _require_tunable(self) -> None:
        """Check that every tuned field can be tuned, by the response that decides."""
        for field, levels in self.tuned.items():
            if len(levels) < 2:
                raise InvalidValue(
                    f"a tuned field must have at least two levels: {field}",
                    list(levels),
                    "Add levels, or write it in [fixed].",
                )
        if self.tuned and self.looks:
            raise InvalidValue(
                "a study with tuned fields must have no looks: all other seeds choose each level",
                list(self.tuned),
                "Write a number of seeds, or make the tuned fields factors.",
            )
        if self.tuned and len(self.seeds) < FEWEST_TO_TUNE:
            raise InvalidValue(
                f"a study with tuned fields must have at least {FEWEST_TO_TUNE} seeds",
                len(self.seeds),
                "Add seeds, or make the tuned fields factors.",
            )
        deciding = self.response(self.selected_by) if self.tuned else None
        if deciding and deciding.direction is None:
            raise InvalidValue(
                "tuning needs a primary response that is better when lower or higher",
                deciding.name,
                "Name another primary response, or make the tuned fields factors.",
            )

    def require_levels(
        self, where: str, named: Where, known: Mapping[str, tuple[Level, ...]] | None = None
    ) -> None:
        """Check that each named factor and level is part of this study.

        Args:
            where: what names them.
            named: those named.
            known: those that may be named; default: the factors'.

        Raises:
            InvalidValue: one is not; the remedy suggests the nearest.
        """
        factors = self.factors if known is None else known
        for factor, levels in levels_in(named).items():
            if factor not in factors:
                hint = suggest(factor, factors, "factors")
                raise InvalidValue(f"{where} must name factors of the study", factor, hint)
            for level in levels:
                if not any(same_level(level, one) for one in factors[factor]):
                    hint = suggest(level, map(format_level, factors[factor]), "levels")
                    raise InvalidValue(f"{where} must name a level that {factor} has", level, hint)

    @property
    def model(self) -> Subject:
        """The subject itself, which `subject` names."""
        return find_subject(self.subject)

    @property
    def declared_looks(self) -> tuple[int, ...]:
        """The numbers of seeds at which verdicts are given; none of a study without such looks."""
        return self.looks if isinstance(self.looks, tuple) else ()

    @property
    def stage_ends(self) -> tuple[int, ...]:
        """The numbers of seeds after which it is decided what to train next; the last is of all."""
        looks = self.declared_looks if self.claims else ()
        return (*(n for n in looks if n < len(self.seeds)), len(self.seeds))

    def response(self, name: str | None = None) -> Response:
        """A response of the subject; the primary one where none is named."""
        return self.model.responses[name or self.primary]

    @property
    def varied(self) -> dict[str, tuple[Level, ...]]:
        """All that varies between runs besides the seed: factors, then tuned fields."""
        return self.factors | self.tuned

    @property
    def reference(self) -> Levels:
        """The baseline's level of each factor, in the factors' order."""
        return {factor: self.baseline[factor] for factor in self.factors}

    @property
    def selected_by(self) -> str:
        """The response by which tuned levels are chosen: the primary one, never of a test split."""
        return self.primary if self.response().selects else self.model.primary

    @property
    def partial(self) -> bool:
        """Whether combinations of levels may be left out."""
        return self.design != "full" or bool(self.exclude or self.only)

    def size(self) -> int:
        """The number of runs: variants × tuned levels × seeds."""
        if self.partial:
            count = sum(1 for _ in self.cells())
        else:
            count = prod(map(len, self.factors.values()))
        return count * prod(map(len, self.tuned.values())) * len(self.seeds)

    def cells(self, where: Where | None = None) -> Iterator[Levels]:
        """The variants in these places, or all: in the order of the file, the last factor fastest.

        A factor is added at a time, and what is not allowed is followed no further: a few variants
        of very many combinations are found at once.
        """
        meant = levels_in(where or {})

        def grown(cell: Levels, factors: Sequence[str]) -> Iterator[Levels]:
            if not factors:
                yield cell
                return
            factor, *others = factors
            for level in self.factors[factor]:
                more = {**cell, factor: level}
                if level in meant.get(factor, (level,)) and self.allows(more):
                    yield from grown(more, others)

        return grown({}, list(self.factors))

    def allows(self, levels: Levels) -> bool:
        """Whether these levels may stand together; of all factors: whether it is a variant."""
        if self.design == "one_at_a_time" and sum(map(self._changes, levels, levels.values())) > 1:
            return False
        if any(matches(levels, table) for table in self.exclude):
            return False
        return all(
            matches(levels, {f: meant for f, meant in rule.where.items() if f in levels})
            for rule in self.only
            if rule.factor in levels and self._changes(rule.factor, levels[rule.factor])
        )

    def _changes(self, factor: str, level: Level) -> bool:
        """Whether a level is another than the baseline's."""
        return level != self.baseline[factor]

    def places(self, parts: Sequence[Levels], where: Where) -> list[Levels]:
        """The places in which every part has its variant: where the parts can be compared.

        Args:
            parts: levels of the factors that are compared, the same factors in each.
            where: which levels of the other factors are meant.

        Returns:
            A level of every other factor each.
        """
        first, *rest = parts
        others = [factor for factor in self.factors if factor not in first]
        candidates = ({f: cell[f] for f in others} for cell in self.cells({**where, **first}))
        return [place for place in candidates if all(self.allows(place | part) for part in rest)]

    def trained(self) -> Iterator[Levels]:
        """Every cell at each combination of the tuned fields' levels."""
        for cell in self.cells():
            for levels in product(*self.tuned.values()):
                yield {**cell, **dict(zip(self.tuned, levels, strict=True))}

    def fields(self, cell: Levels) -> RunFields:
        """The fields of a run of this cell; tuned fields it does not name are at the baseline's.

        Raises:
            UserError: a level is out of range, or does not go with the others.
        """
        tuned = {field: self.baseline[field] for field in self.tuned}
        levels = {**self.fixed, **tuned, **cell}
        return validated(self.model.Fields, levels, f"study '{self.name}'")

    def claims_digest(self) -> str:
        """A hash of the claims and looks as written: a later change of them shows."""
        stated: list[Any] = [claim.model_dump(mode="json") for claim in self.claims]
        stated += [self.looks] if self.looks else []
        text = json.dumps(stated, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def override(self, *, steps: int | None = None, seeds: tuple[int, ...] | None = None) -> Self:
        """The same study with other steps or seeds, as the command line asks for."""
        data = self.model_dump(mode="json")
        if seeds is not None:
            data["seeds"] = seeds
        if steps is not None:
            if "steps" in self.varied:
                raise UserError(
                    "--steps needs a study that does not vary steps",
                    f"'{self.name}', in which they are a factor",
                    "Leave --steps out.",
                )
            data["fixed"] = {**self.fixed, "steps": steps}
        return validated(type(self), data, f"study '{self.name}'")


def _rising(looks: Any) -> bool:
    """Whether these are numbers of seeds at which one can look."""
    numbers = isinstance(looks, list) and all(type(n) is int for n in looks)
    return numbers and len(looks) > 1 and looks[0] > 1 and looks == sorted(set(looks))


def fit_field(name: str, level: Level, info: ValidationInfo) -> Level:
    """A level as its field takes it: a whole number becomes a float where the field is one.

    Where the study lists the level already it stays as it is there, and so is named alike.
    """
    if "subject" not in info.data:
        return level  # the subject's own error is reported
    listed = (info.data.get("factors", {}) | info.data.get("tuned", {})).get(name, ())
    field = find_subject(info.data["subject"]).Fields.model_fields.get(name)
    whole = isinstance(level, int) and not isinstance(level, bool) and abs(level) < EXACT
    fitted = float(level) if whole and field and field.annotation is float else level
    return next((one for one in listed if same_level(one, level)), fitted)


def require_response(name: str, subject: Subject) -> str:
    """The name itself, if the subject has such a response.

    Raises:
        InvalidValue: it does not; the remedy suggests the nearest.
    """
    if name not in subject.responses:
        hint = suggest(name, subject.responses, "responses")
        raise InvalidValue("must be a response that exists", name, hint)
    return name
