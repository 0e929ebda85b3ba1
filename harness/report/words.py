"""Numbers as people read them. Values of a share are shown in per cent."""

from collections.abc import Callable
from math import isfinite

import pandas as pd

from harness.subjects.subject import Response

MISSING = "–"
SIDES = {"lower": "<", "higher": ">", "within": "within ±"}  # of the bound that is claimed


def number(value: float, digits: int = 3) -> str:
    """A number to so many decimals; a single digit of one that would vanish then."""
    if not isfinite(value):
        return MISSING
    vanishes = value != 0 and abs(value) < 0.5 * 10**-digits
    text = f"{value:.1g}" if vanishes else f"{value + 0.0:,.{digits}f}"  # −0 has no sign
    return text.replace("-", "−")


def fixed(value: float, digits: int) -> str:
    """A number to so many decimals; what rounds to 0 has no sign."""
    return f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "−")


def rounded(value: float, *, share: bool) -> str:
    """A number in a sentence: a share in per cent to one decimal, all else to three."""
    return unbroken(f"{number(100 * value, 1)} %") if share else number(value)


def is_share(response: Response | None) -> bool:
    """Whether values of the response are shares of something."""
    return response is not None and response.unit == "share"


def measured(response: Response | None, value: float) -> str:
    """A value of a response: shares in per cent, all else to three decimals."""
    if is_share(response) and isfinite(value):
        return f"{100 * value:.2f} %"
    return number(value)


def difference(response: Response | None, value: float) -> str:
    """A difference in a response, with its sign; of shares in percentage points."""
    if not isfinite(value):
        return MISSING
    text = f"{number(100 * value, 2)} pp" if is_share(response) else number(value)
    return f"+{text}" if value > 0 else text


def interval(low: float, high: float, response: Response | None = None) -> str:
    """The ends of an interval."""
    if not (isfinite(low) and isfinite(high)):
        return MISSING
    return unbroken(f"{measured(response, low)} to {measured(response, high)}")


def difference_interval(low: float, high: float, response: Response | None = None) -> str:
    """The ends of an interval of a difference in a response."""
    if is_share(response) and isfinite(low) and isfinite(high):
        return unbroken(f"{number(100 * low, 2)} to {number(100 * high, 2)} pp")
    return interval(low, high)


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
        return f"{100 * mean:.2f} ± {100 * half:.2f} %"
    return f"{number(mean)} ± {number(half)}"


def p_value(p: float) -> str:
    """A p to three decimals."""
    if not isfinite(p):
        return MISSING
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


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


def counted(count: int, noun: str) -> str:
    """A count with its noun: "1 seed", "1,200 runs"."""
    return f"{count:,} {noun}{'s' * (count != 1)}"


def capital(text: str) -> str:
    """The text as it begins a sentence."""
    return text[:1].upper() + text[1:]
