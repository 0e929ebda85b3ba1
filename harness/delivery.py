"""Results on their way to the store: on disk until the store has them."""

import time
from collections.abc import Callable

from harness.plan import Run
from harness.records import Result
from harness.tracking import Tracker, Unreachable
from harness.workspace import Workspace

PAUSE = 5.0  # seconds between two attempts while the store cannot be reached
INSISTENCE = 60.0  # seconds for which the last deliveries are tried again at the end


class Delivery:
    """Delivers each result exactly once, whenever the store can be reached.

    Attributes:
        waiting: keys of the results on disk that the store does not have yet.
    """

    def __init__(self, tracker: Tracker, workspace: Workspace) -> None:
        self._tracker, self._workspace = tracker, workspace
        self.waiting = set(workspace.held())
        self._again = 0.0

    def accept(self, result: Result) -> None:
        """Take a result over; from now on it cannot be lost."""
        self._workspace.hold(result)
        self.waiting.add(result.key)
        self.attempt()

    def has(self, key: str) -> bool:
        """Whether a run has ended, be its result in the store or on its way there."""
        return key in self._tracker.ended or key in self.waiting

    def attempt(self) -> None:
        """Deliver what waits, unless the store could not be reached a moment ago."""
        if time.monotonic() < self._again:
            return
        try:
            for key in sorted(self.waiting):
                self._deliver(key)
        except Unreachable:
            self._again = time.monotonic() + PAUSE

    def insist(self, stopping: Callable[[], bool]) -> None:
        """Deliver what waits, again and again for a while."""
        end = time.monotonic() + INSISTENCE
        while self.waiting and time.monotonic() < end and not stopping():
            self.attempt()
            if self.waiting:
                time.sleep(0.2)

    def give_up(self, run: Run, why: str) -> None:
        """Mark a run as failed, if the store can be reached; a later session tries it again."""
        try:
            self._tracker.fail(run, why)
        except Unreachable:
            self._again = time.monotonic() + PAUSE

    def _deliver(self, key: str) -> None:
        result = self._workspace.load_result(key)
        if result is not None:
            self._tracker.deliver(result)
            self._workspace.release(key)
        self.waiting.discard(key)
