"""Mistakes a user can mend, told in one message: the rule, what was received, the remedy."""

from collections.abc import Iterable
from difflib import get_close_matches


class UserError(Exception):
    """A mistake the user can mend; the command line prints it and exits with 2.

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


class Unreachable(Exception):  # noqa: N818 - a state of the store, not an error of ours
    """The store cannot be reached now; nothing is lost, and the same call may succeed later."""


class Mistake(ValueError):  # noqa: N818 - told as a UserError
    """What a validator of a user's data raises: it knows the rule, the value and the remedy.

    Args:
        rule, received, remedy: as of a `UserError`; the rule goes on after the place's name.
    """

    def __init__(self, rule: str, received: object, remedy: str) -> None:
        super().__init__(rule, received, remedy)
        self.rule = rule
        self.received = received
        self.remedy = remedy


def suggest(word: object, valid: Iterable[object], noun: str = "one") -> str:
    """The nearest valid word as advice, or all of them when none is near.

    >>> suggest("bach", ["none", "batch", "layer"])
    "Did you mean 'batch'?"
    >>> suggest("x", ["none", "batch"], "norm")
    'Valid norm: batch, none.'
    """
    names = sorted(str(name) for name in valid)
    spelt = isinstance(word, str)  # a number is not misspelt
    near = get_close_matches(str(word), names, n=1, cutoff=0.6) if spelt else []
    return f"Did you mean '{near[0]}'?" if near else f"Valid {noun}: {', '.join(names)}."
