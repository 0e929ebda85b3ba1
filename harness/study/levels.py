"""Levels: the values of factors, and their form in text."""

import math
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from harness.errors import UserError, suggest


def _scalar(value: Any) -> Any:
    if not isinstance(value, bool | int | float | str):
        raise ValueError("must be a number, a text, true or false")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("must be finite")
    return value


def _printable(text: str) -> str:
    for character in text:
        if character not in "\n\t" and unicodedata.category(character) in ("Cc", "Zl", "Zp"):
            raise ValueError(f"must not hold control characters such as U+{ord(character):04X}")
    return text


Level = Annotated[bool | int | float | str, BeforeValidator(_scalar)]
Levels = dict[str, Level]
Where = Mapping[str, Level | tuple[Level, ...]]  # a level, or several, of some factors
WhereTable = dict[str, Level | Annotated[tuple[Level, ...], Field(min_length=1)]]  # in a file
Text = Annotated[str, AfterValidator(_printable)]  # a terminal would interpret control characters


def same_level(level: Level, other: Level) -> bool:
    """Whether two levels are the same; numbers are compared by value, and true is not 1.

    >>> same_level(1, 1.0), same_level(1, True)
    (True, False)
    """
    return level == other and isinstance(level, bool) == isinstance(other, bool)


def levels_in(where: Where) -> dict[str, tuple[Level, ...]]:
    """The levels that are meant of each factor named."""
    return {f: level if isinstance(level, tuple) else (level,) for f, level in where.items()}


def matches(levels: Levels, where: Where) -> bool:
    """Whether the level of each factor named is there and is one of those meant."""
    return all(f in levels and levels[f] in meant for f, meant in levels_in(where).items())


def format_level(level: Level) -> str:
    """A level as text, for people: "yes" and "no" for booleans, numbers without trailing zeros."""
    if isinstance(level, bool):
        return "yes" if level else "no"
    return f"{level:g}" if isinstance(level, float) else str(level)


def place_label(where: Where) -> str:
    """Some levels in words, each with its factor: "norm batch, depth 5 or 10"."""
    named = levels_in(where).items()
    return ", ".join(f"{f} {' or '.join(map(format_level, levels))}" for f, levels in named)


def parse_levels(text: str, factors: Mapping[str, Iterable[Level]]) -> Levels:
    """Levels from text such as "factor=level,factor=level", each in the form of `format_level`.

    Raises:
        UserError: a factor or level is not in `factors`.
    """
    levels: Levels = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        factor, _, written = (word.strip() for word in part.partition("="))
        if factor not in factors:
            raise UserError(
                "a variant is written as factor=level,factor=level",
                repr(part),
                suggest(factor, factors, "factors"),
            )
        known = {format_level(level): level for level in factors[factor]}
        if written not in known:
            raise UserError(
                f"'{factor}' must have one of the study's levels",
                repr(written),
                suggest(written, known, "levels"),
            )
        levels[factor] = known[written]
    return levels
