"""A share of the time for what is done on the side."""

import time


class Throttle:
    """Says when to act again, so that the time spent stays a share of the time that passes.

    Args:
        share: of the time, at most.
        pause: seconds between two actions, at least.
    """

    def __init__(self, share: float, pause: float) -> None:
        self.share = share
        self.pause = pause
        self.next = 0.0

    def ready(self) -> bool:
        """Whether enough time has passed."""
        return time.monotonic() >= self.next

    def spent_since(self, start: float) -> None:
        """Wait in proportion to the time since `start`, a `time.monotonic()`."""
        now = time.monotonic()
        self.next = now + max(self.pause, (now - start) * (1 / self.share - 1))

    def hurry(self) -> None:
        """Wait no longer than the shortest pause from now."""
        self.next = min(self.next, time.monotonic() + self.pause)
