"""What is wrong with a model's data, in a user's words rather than in pydantic's."""

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from harness.claims import KINDS
from harness.errors import Mistake, UserError, suggest

Model = TypeVar("Model", bound=BaseModel)

# What pydantic calls the error, and what it is called here; braces take pydantic's own values.
RULES = {
    "missing": "is missing",
    "string_type": "must be a text",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "tuple_type": "must be a list",
    "dict_type": "must be a table",
    "model_attributes_type": "must be a table",
    "model_type": "must be a table",
    "finite_number": "must be finite",
    "too_short": "must not be empty",
    "string_too_short": "must not be empty",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "must consist of lower-case letters, digits and hyphens",
    "greater_than": "must be more than {gt:g}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be {expected}",
    "union_tag_not_found": "must say its 'kind'",
    "union_tag_invalid": "must be of a kind that there is: {expected_tags}",
}


def validated(model: type[Model], data: Any, where: str) -> Model:
    """An instance of the model.

    Raises:
        UserError: the data do not fit; the message names the place, rule, value and remedy.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise explained(error, model, where) from None


def explained(error: ValidationError, model: type[BaseModel], where: str) -> UserError:
    """The first thing wrong; an unknown word before all else, for it explains what is missing.

    Args:
        error: pydantic's.
        model: what was to be made.
        where: what the data are of, for people.
    """
    errors = error.errors(include_url=False)
    first = next((e for e in errors if e["type"] == "extra_forbidden"), errors[0])
    place = _place(first)
    cause = first.get("ctx", {}).get("error")
    if first["type"] == "extra_forbidden":
        hint = suggest(first["loc"][-1], _keys(model, first), "keys")
        return UserError(f"{where}: unknown key: {place}", _short(first["input"]), hint)
    if isinstance(cause, Mistake):
        rule = " ".join(filter(None, (place, cause.rule)))
        return UserError(f"{where}: {rule}", _short(cause.received), cause.remedy)
    received = "nothing" if first["type"] == "missing" else _short(first["input"])
    others = len({_place(e) for e in errors}) - 1
    remedy = f"Mend that entry ({others} more are wrong)." if others else "Mend that entry."
    return UserError(f"{where}: {place} {_rule(first)}", received, remedy)


def _rule(error: ErrorDetails) -> str:
    if error["type"] in RULES:
        return RULES[error["type"]].format(**error.get("ctx", {}))
    return error["msg"].removeprefix("Value error, ").rstrip(".")


def _place(error: ErrorDetails) -> str:
    """The place in the file: tables and keys by name, entries of lists counted from 1."""
    return ", ".join(
        f"entry {part + 1}" if isinstance(part, int) else part
        for part in error["loc"]
        if isinstance(part, int) or (part not in KINDS and "[" not in part)  # pydantic's own words
    )


def _keys(model: type[BaseModel], error: ErrorDetails) -> set[str]:
    """The keys that a file may have at that place."""
    kinds = [KINDS[part] for part in error["loc"] if part in KINDS]
    return (kinds[0] if kinds else model).model_fields.keys() - {"name"}


def _short(value: object) -> str:
    """A value as it may be shown: one line, without control characters, not too long."""
    return repr(value)[:80]
