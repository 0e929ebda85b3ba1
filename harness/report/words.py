"""Numbers as people read them."""

from math import isfinite

from harness.responses import RESPONSES

NOTHING = "–"


def number(value: float, digits: int = 3) -> str:
    """A number to so many decimals; a single digit of one that would vanish then."""
    if not isfinite(value):
        return NOTHING
    vanishes = value != 0 and abs(value) < 0.5 * 10**-digits
    return minus(f"{value:.1g}" if vanishes else f"{value:,.{digits}f}")


def minus(text: str) -> str:
    """The text with a proper minus sign."""
    return text.replace("-", "−")


def is_share(response: str) -> bool:
    """Whether a response is a share, shown in per cent."""
    return any(word in response for word in ("saturation", "dead_units"))


def measured(response: str, value: float) -> str:
    """A value of a response: shares in per cent, all else to three decimals."""
    if not isfinite(value):
        return NOTHING
    return f"{100 * value:.2f} %" if is_share(response) else number(value)


def difference(response: str, value: float) -> str:
    """A difference in a response, with its sign; of shares in percentage points."""
    if not isfinite(value):
        return NOTHING
    text = f"{number(100 * value, 2)} pp" if is_share(response) else number(value)
    return f"+{text}" if value > 0 else text


def interval(low: float, high: float, response: str = "") -> str:
    """The ends of an interval."""
    if not (isfinite(low) and isfinite(high)):
        return NOTHING
    return unbroken(f"{measured(response, low)} to {measured(response, high)}")


def difference_interval(low: float, high: float, response: str = "") -> str:
    """The ends of an interval of a difference in a response."""
    if not (isfinite(low) and isfinite(high)):
        return NOTHING
    if is_share(response):
        return unbroken(f"{number(100 * low, 2)} to {number(100 * high, 2)} pp")
    return interval(low, high)


def unbroken(text: str) -> str:
    """The text, never to be broken over lines."""
    return text.replace(" ", "\u00a0")


def with_interval(response: str, mean: float, low: float, high: float) -> str:
    """A mean ± half its t interval."""
    if not isfinite(mean):
        return NOTHING
    if not isfinite(low):
        return measured(response, mean)
    half = (high - low) / 2
    if is_share(response):
        return f"{100 * mean:.2f} ± {100 * half:.2f} %"
    return f"{number(mean)} ± {number(half)}"


def p_value(p: float) -> str:
    """A p to three decimals."""
    if not isfinite(p):
        return NOTHING
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def thousands(count: float) -> str:
    """A count with commas."""
    return f"{count:,.0f}"


def duration(seconds: float) -> str:
    """A time in the two units that matter."""
    if not isfinite(seconds):
        return NOTHING
    if seconds < 120:
        return f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def capital(text: str) -> str:
    """The text as it begins a sentence."""
    return text[:1].upper() + text[1:]


def label(response: str) -> str:
    """A response for the heads of tables, its mode with it."""
    return f"{RESPONSES[response].label} ({response})"
