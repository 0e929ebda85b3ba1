"""Seeds as text: numbers and ranges, such as "1-5,8"."""

import re
from collections.abc import Iterable

ONE = r"\d{1,9}(-\d{1,9})?"


def seeds_text(seeds: Iterable[int]) -> str:
    """The seeds in rising order, neighbours as ranges.

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
    """The seeds that a text names, distinct, in its order; none if it is not in the form.

    >>> seeds_of("8,1-3"), seeds_of("1-"), seeds_of("")
    ((8, 1, 2, 3), (), ())

    Args:
        text: numbers and ranges, with commas.
        most: of each range no more than one beyond so many are told.
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
