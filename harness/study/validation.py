"""Validation of study files and fields, with messages in the words of the user, not of pydantic."""

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from harness.errors import InvalidValue, UserError, suggest
from harness.study.claims import KINDS
from harness.study.levels import shown
from harness.study.partial import Only

Model = TypeVar("Model", bound=BaseModel)

# Message by pydantic's type of error; its values replace the braces.
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
    "union_tag_not_found": "must have a 'kind'",
    "union_tag_invalid": "must have one of the kinds {expected_tags}",
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
    """The first error as a UserError.

    An unknown key comes before other errors: often it is a misspelt key that is missing elsewhere.

    Args:
        error: pydantic's.
        model: what the data were validated as.
        where: what the data belong to, for people.
    """
    errors = error.errors(include_url=False)
    first = next((e for e in errors if e["type"] == "extra_forbidden"), errors[0])
    place = _place(first)
    cause = first.get("ctx", {}).get("error")
    if first["type"] == "extra_forbidden":
        hint = suggest(first["loc"][-1], _keys(model, first), "keys")
        return UserError(f"{where}: unknown key: {place}", _short(first["input"]), hint)
    if isinstance(cause, InvalidValue):
        rule = " ".join(filter(None, (place, cause.rule)))
        return UserError(f"{where}: {rule}", _short(cause.received), cause.remedy)
    received = "nothing" if first["type"] == "missing" else _short(first["input"])
    others = len({_place(e) for e in errors}) - 1
    remedy = f"Fix that entry ({others} more are wrong)." if others else "Fix that entry."
    return UserError(f"{where}: {place} {_rule(first)}", received, remedy)


def _rule(error: ErrorDetails) -> str:
    if error["type"] in RULES:
        return RULES[error["type"]].format(**error.get("ctx", {}))
    return error["msg"].removeprefix("Value error, ").rstrip(".")


def _place(error: ErrorDetails) -> str:
    """The place in the file: names of tables and keys, numbers of list entries from 1."""
    return ", ".join(
        f"entry {part + 1}" if isinstance(part, int) else part
        for part in error["loc"]
        # pydantic adds names of union members, which are not in the file
        if isinstance(part, int) or (part not in KINDS and "[" not in part)
    )


def _keys(model: type[BaseModel], error: ErrorDetails) -> set[str]:
    """The keys that are valid at the place of an error."""
    tables = KINDS | {"only": Only}
    inside = [tables[str(part)] for part in error["loc"][:-1] if part in tables]
    return (inside[0] if inside else model).model_fields.keys() - {"name"}


def _short(value: object) -> str:
    """A value in one line, without control characters, cut to 80 characters."""
    return shown(value)[:80]
