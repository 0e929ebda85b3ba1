"""Numbers as people read them. Values of a share are shown in per cent."""

from collections.abc import Callable, Iterable
from math import isfinite

import pandas as pd

from harness.analysis.verdicts import ALPHA
from harness.subjects.subject import Response

MISSING = "–"
DIGITS = 3  # decimals of numbers; shares, in per cent, have one less
MOST_DIGITS = 12
HUGE = 1e9
SIDES = {"lower": "<", "higher": ">", "within": "within ±"}  # of the bound that is claimed


def number(value: float, digits: int = DIGITS) -> str:
    """A number to so many decimals; in two digits if too small for these, in four if huge."""
    if not isfinite(value):
        return MISSING
    if 0 < abs(value) < 0.5 * 10 ** (1 - digits):
        text = f"{value:.2g}"
    elif abs(value) >= HUGE:
        text = f"{value:.4g}"
    else:
        text = f"{value + 0.0:,.{digits}f}"  # −0 has no sign
    return text.replace("-", "−")


def fixed(value: float, digits: int) -> str:
    """A number to so many decimals; what rounds to 0 has no sign."""
    return f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "−")


def rounded(value: float, *, share: bool) -> str:
    """A number in a sentence: a share in per cent to one decimal, all else to three."""
    return unbroken(f"{number(100 * value, 1)} %") if share else number(value)


def apart(
    show: Callable[[float, int], str], values: Iterable[float], limits: Iterable[float],
    digits: int = DIGITS,
) -> int:  # fmt: skip
    """The fewest decimals, at least so many, at which no value looks like a limit it is not at.

    A verdict rests on which side of its bound an interval ends: rounding must not hide that.
    """
    known = [limit for limit in limits if isfinite(limit)]
    pairs = [(x, limit) for x in values if isfinite(x) for limit in known if x != limit]
    while digits < MOST_DIGITS and any(show(x, digits) == show(y, digits) for x, y in pairs):
        digits += 1
    return digits


def is_share(response: Response | None) -> bool:
    """Whether values of the response are shares of something."""
    return response is not None and response.unit == "share"


def measured(response: Response | None, value: float, digits: int = DIGITS) -> str:
    """A value of a response: shares in per cent, all else to three decimals."""
    if is_share(response) and isfinite(value):
        return f"{number(100 * value, digits - 1)} %"
    return number(value, digits)


def difference(response: Response | None, value: float, digits: int = DIGITS) -> str:
    """A difference in a response, with its sign; of shares in percentage points."""
    if not isfinite(value):
        return MISSING
    share = is_share(response)
    text = f"{number(100 * value, digits - 1)} pp" if share else number(value, digits)
    return f"+{text}" if value > 0 else text


def interval(
    low: float, high: float, response: Response | None = None, digits: int = DIGITS
) -> str:
    """The ends of an interval."""
    if not (isfinite(low) and isfinite(high)):
        return MISSING
    ends = (measured(response, end, digits) for end in (low, high))
    return unbroken(" to ".join(ends))


def difference_interval(
    low: float, high: float, response: Response | None = None, digits: int = DIGITS
) -> str:
    """The ends of an interval of a difference in a response."""
    if is_share(response) and isfinite(low) and isfinite(high):
        ends = (number(100 * end, digits - 1) for end in (low, high))
        return unbroken(f"{' to '.join(ends)} pp")
    return interval(low, high, response, digits)


def claim_words(kind: str) -> tuple[Callable[..., str], Callable[..., str]]:
    """How a claim's numbers are written, and its intervals: as values, or as differences."""
    return (measured, interval) if kind == "threshold" else (difference, difference_interval)


def unbroken(text: str) -> str:
    """The text, never to be broken over lines."""
    return text.replace(" ", "\u00a0")


def with_interval(response: Response, mean: float, low: float, high: float) -> str:
    """A mean ± half its t interval."""
    if not isfinite(low):
        return measured(response, mean)
    half = (high - low) / 2
    if is_share(response):
        return f"{number(100 * mean, 2)} ± {number(100 * half, 2)} %"
    return f"{number(mean)} ± {number(half)}"


def p_value(p: float) -> str:
    """A p to three decimals, or to as many as show on which side of 5 % it is."""
    if not isfinite(p):
        return MISSING

    def shown(x: float, digits: int) -> str:
        return f"{x:.{digits}f}"

    return "< 0.001" if p < 0.001 else shown(p, apart(shown, (p,), (ALPHA,)))


def level_words(level: float) -> str:
    """The level of an interval: "99.4 %", with as many decimals as set it apart from 100 %."""

    def shown(x: float, digits: int) -> str:
        return f"{100 * x:.{digits}f} %"

    return shown(level, apart(shown, (level,), (1.0,), 1))


def elapsed(seconds: float) -> str:
    """A time in the two units that matter."""
    if not isfinite(seconds):
        return MISSING
    if seconds < 120:
        return f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def contrasted(row: pd.Series) -> str:
    """What an effect compares: "norm: none − batch"; of a slope "depth: per doubling"."""
    return f"{row['factor']}: {row['level']}{' − ' if row['versus'] else ''}{row['versus']}"


def capital(text: str) -> str:
    """The text as it begins a sentence."""
    return text[:1].upper() + text[1:]
