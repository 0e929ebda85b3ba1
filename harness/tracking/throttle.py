"""Keeps what is done on the side to a small share of the time."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

SHARE = 0.03  # of the wall time


class Throttle:
    """Says when to go on, so that the time spent stays a share of the time that passes.

    Args:
        share: of the time, at most.
        pause: seconds between two goes, at least.
    """

    def __init__(self, share: float = SHARE, pause: float = 0.5) -> None:
        self.share = share
        self.pause = pause
        self._next = 0.0

    def ready(self) -> bool:
        """Whether enough time has passed."""
        return time.monotonic() >= self._next

    @contextmanager
    def spending(self) -> Iterator[None]:
        """What is done inside is paid for by waiting."""
        start = time.monotonic()
        try:
            yield
        finally:
            spent = time.monotonic() - start
            self._next = time.monotonic() + max(self.pause, spent * (1 / self.share - 1))
