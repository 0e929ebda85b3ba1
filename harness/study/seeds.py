"""Seeds as text: numbers and ranges such as "1-5,8"."""

import re
from collections.abc import Iterable

ONE = r"\d{1,9}(-\d{1,9})?"


def seeds_text(seeds: Iterable[int]) -> str:
    """The seeds in ascending order, with ranges.

    >>> seeds_text([8, 1, 2, 3])
    '1-3,8'
    """
    ranges: list[list[int]] = []
    for seed in sorted(set(seeds)):
        if ranges and ranges[-1][1] == seed - 1:
            ranges[-1][1] = seed
        else:
            ranges.append([seed, seed])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in ranges)


def seeds_of(text: str, most: int = 1_000_000) -> tuple[int, ...]:
    """The distinct seeds of a text, in its order; none if the text is malformed.

    >>> seeds_of("8,1-3"), seeds_of("1-"), seeds_of("")
    ((8, 1, 2, 3), (), ())

    Args:
        text: numbers and ranges, separated by commas.
        most: each range is cut one seed after so many, so that a huge one costs no memory.
    """
    if not re.fullmatch(rf"{ONE}(,{ONE})*,?", text):
        return ()
    seeds: dict[int, None] = {}
    for part in filter(None, text.split(",")):
        first, last = int(part.split("-")[0]), int(part.split("-")[-1])
        if last < first:
            return ()
        seeds |= dict.fromkeys(range(first, min(last, first + most) + 1))
    return tuple(seeds)
