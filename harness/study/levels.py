"""Levels: the values of factors, and their form in text."""

import json
import math
import re
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from harness.errors import UserError, suggest


def _scalar(value: Any) -> Any:
    if not isinstance(value, bool | int | float | str):
        raise ValueError("must be a number, a text, true or false")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("must be finite")
    if not isinstance(value, str) and value and not SMALLEST <= abs(value) <= LARGEST:
        raise ValueError(f"must be 0, or between {SMALLEST:g} and {LARGEST:g} in size")
    if isinstance(value, str) and len(_printable(value)) > LONGEST_LEVEL:
        raise ValueError(f"must have at most {LONGEST_LEVEL:,} characters")
    return value + 0.0 if isinstance(value, float) else value  # never −0


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
LONGEST_LEVEL = 500  # characters of a text
SMALLEST, LARGEST = 1e-100, 1e100  # of numbers; the squares of others may not be numbers any more
BARE = re.compile(r"""[^\s,"']([^,"']*[^\s,"'])?""")  # a text that can stand without quotes
PART = re.compile(r"""(?:"[^"]*"|'[^']*'|[^,])+""")  # between commas, but for those in quotes


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
    """A level as text, for people: as TOML has it, but numbers to six digits.

    A text is bare where it cannot be taken for several levels, or for none.

    >>> [format_level(level) for level in (True, 1e6, 0.10, "batch", "", "a, b")]
    ['true', '1e+06', '0.1', 'batch', '""', '"a, b"']
    """
    if isinstance(level, float):
        return f"{level:g}"
    bare = isinstance(level, str) and BARE.fullmatch(level) and level.isprintable()
    return str(level) if bare else json.dumps(level, ensure_ascii=False)


def level_name(factor: str, level: Level) -> str:
    """A level as it stands in a variant's name: a text alone, all others with their factor."""
    alone = isinstance(level, str) and level.strip()
    return format_level(level) if alone else place_label({factor: level})


def shown(value: object, depth: int = 6) -> str:
    """A value of a study file in one line, for people: true and false as they are written there.

    >>> shown({"residual": (True, "no")})
    "{'residual': [true, 'no']}"
    """
    if isinstance(value, dict | list | tuple) and not depth:
        return "…"
    if isinstance(value, dict):
        pairs = (f"{shown(key)}: {shown(one, depth - 1)}" for key, one in value.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(shown(one, depth - 1) for one in value)}]"
    return json.dumps(value) if isinstance(value, bool) else repr(value)


def place_label(where: Where) -> str:
    """Some levels in words, each with its factor: "norm batch, depth 5 or 10"."""
    named = levels_in(where).items()
    return ", ".join(f"{f} {' or '.join(map(format_level, levels))}" for f, levels in named)


def parse_levels(text: str, factors: Mapping[str, Sequence[Level]]) -> Levels:
    """Levels from text such as "factor=level,factor=level".

    A level is written as in a study file, where a text may stand without its quotes, or as in
    reports. Numbers are compared by value.

    Raises:
        UserError: a factor or level is not in `factors`.
    """
    levels: Levels = {}
    for part in filter(None, map(str.strip, PART.findall(text))):
        factor, _, written = (word.strip() for word in part.partition("="))
        if factor not in factors:
            raise UserError(
                "a variant must be written as factor=level,factor=level",
                repr(part),
                suggest(factor, factors, "factors"),
            )
        known, value = factors[factor], _toml_value(written)
        by_value = (level for level in known if same_level(level, value))
        as_shown = (level for level in known if format_level(level) == written)
        found = next(chain(by_value, as_shown), None)
        if found is None:
            raise UserError(
                f"'{factor}' must have one of the study's levels",
                repr(written),
                suggest(written, map(format_level, known), "levels"),
            )
        levels[factor] = found
    return levels


def parse_run(
    words: Sequence[str], factors: Mapping[str, Sequence[Level]]
) -> tuple[Levels, int | None]:
    """Levels and the seed from words such as "norm=batch", "lr=0.1,depth=5" and "seed=3".

    Raises:
        UserError: a factor or level is not in `factors`, or the seed is no number.
    """
    parts = [part.strip() for part in PART.findall(",".join(words))]
    seeds = [part for part in parts if part.startswith("seed=")]
    levels = parse_levels(",".join(part for part in parts if part not in seeds), factors)
    if not seeds:
        return levels, None
    if len(seeds) > 1 or not re.fullmatch(r"seed=\d{1,9}", seeds[0]):
        raise UserError("seed must be one number", ",".join(seeds), "Write seed=1.")
    return levels, int(seeds[0].removeprefix("seed="))


def _toml_value(text: str) -> Any:
    """What a text means as a value of TOML; the text itself where it is none."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        return text
