"""Errors that users can act on, each reported in one message: rule, received, remedy."""

from collections.abc import Collection, Iterable
from difflib import get_close_matches


class HarnessError(Exception):
    """Base of all errors that the command line reports without a traceback."""


class UserError(HarnessError):
    """Raised for a mistake that the user can fix; the command line prints it and exits with 2.

    Args:
        rule: what must hold, as a sentence without its full stop.
        received: what was found instead.
        remedy: what to do about it.
    """

    def __init__(self, rule: str, received: object, remedy: str) -> None:
        super().__init__(rule, received, remedy)
        self.rule = rule
        self.received = received
        self.remedy = remedy

    def __str__(self) -> str:
        """The whole message."""
        text = f"{self.rule}; received {self.received}. {self.remedy}"
        # a terminal would obey control characters that come from a file or the command line
        return "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text)


class InvalidValue(UserError, ValueError):  # noqa: N818 - a value, not an error of ours
    """Raised by validators, from which pydantic takes a ValueError only.

    `study.validation` puts the place in the file before the rule.
    """


class Unreachable(HarnessError):  # noqa: N818 - a state of the store, not an error of ours
    """Raised when the store does not answer; nothing is lost, and a later call may succeed."""


class Locked(Unreachable):
    """Raised when another process keeps a database locked for longer than is worth waiting."""


class Interruption(SystemExit):
    """The way out of the program that a signal takes; code that is not ours may not end it."""


def few(names: Collection[str], most: int = 4) -> str:
    """The first of some names, for a message.

    >>> few(["a", "b", "c"], 2)
    'a; b; and 1 more'
    """
    more = [f"and {len(names) - most:,} more"] if len(names) > most else []
    return "; ".join([*list(names)[:most], *more])


def counted(count: int, one: str, many: str = "") -> str:
    """How many there are of something, for a message.

    Args:
        count: how many.
        one, many: the word where it is one, and otherwise; default: an s is added.

    >>> counted(1, "run"), counted(2000, "run"), counted(0, "study", "studies")
    ('1 run', '2,000 runs', '0 studies')
    """
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"


def suggest(word: object, valid: Iterable[object], noun: str = "one") -> str:
    """The nearest valid word as advice, or all of them when none is near.

    >>> suggest("bach", ["none", "batch", "layer"])
    "Did you mean 'batch'?"
    >>> suggest("x", ["none", "batch"], "norm")
    'Valid norm: batch, none.'
    >>> suggest("0.2", [0.1, 0.2], "level")
    'Valid level: 0.1, 0.2.'
    """
    names = sorted(str(name) for name in valid)
    misspelt = isinstance(word, str) and word not in names  # a number is not, nor one in quotes
    near = get_close_matches(str(word), names, n=1, cutoff=0.6) if misspelt else []
    return f"Did you mean '{near[0]}'?" if near else f"Valid {noun}: {', '.join(names)}."
