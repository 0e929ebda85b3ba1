"""Results on their way to the store: on disk until the store has them."""

import time
from collections.abc import Callable, Sequence

from harness.errors import Unreachable
from harness.plan import Run
from harness.records import Result
from harness.tracking.tracker import Tracker
from harness.workspace import Workspace

PAUSE = 5.0  # seconds between two attempts while the store cannot be reached, at least
SHARE = 0.05  # of the time may go into attempts that fail
INSISTENCE = 60.0  # seconds without success after which the last deliveries are given up
SLICE = 0.1  # seconds of delivering at a time: meanwhile no worker is given its next task


class Delivery:
    """Delivers each result exactly once, whenever the store can be reached.

    Args:
        tracker: the study's side of the store.
        workspace: where results wait.
        runs: the study's grid; results of others, from earlier sessions, go on waiting.
        stopping: says when to leave the rest for a later session.

    Attributes:
        waiting: keys of the results on disk that the store does not have yet.
    """

    def __init__(
        self, tracker: Tracker, workspace: Workspace, runs: Sequence[Run],
        stopping: Callable[[], bool],
    ) -> None:  # fmt: skip
        self._tracker, self._workspace, self._stopping = tracker, workspace, stopping
        held = {run.key for run in runs} & set(workspace.held())
        self.waiting = {key for key in held if workspace.load_result(key)}  # none that is damaged
        self._again = 0.0

    def accept(self, result: Result) -> None:
        """Take a result over; from now on it cannot be lost."""
        self._workspace.hold(result)
        self.waiting.add(result.key)

    def has(self, key: str) -> bool:
        """Whether a run has ended, be its result in the store or on its way there."""
        return key in self._tracker.ended or key in self.waiting

    def attempt(self) -> None:
        """Deliver what waits for a moment, unless the store could not be reached just now."""
        end = time.monotonic() + SLICE
        while self.waiting and self._again <= time.monotonic() < end:
            began = time.monotonic()
            try:
                self._deliver(min(self.waiting))
            except Unreachable:
                self._wait_since(began)

    def insist(self) -> None:
        """Deliver what waits; what the store does not take is tried again for a while."""
        self._again, end = 0.0, time.monotonic() + INSISTENCE
        while self.waiting and time.monotonic() < end and not self._stopping():
            before = len(self.waiting)
            self.attempt()
            if len(self.waiting) < before:
                end = time.monotonic() + INSISTENCE
            else:
                self._again = min(self._again, time.monotonic() + PAUSE)
                time.sleep(0.2)

    def give_up(self, run: Run, why: str) -> None:
        """Mark a run as failed, if the store can be reached; a later session tries it again."""
        began = time.monotonic()
        try:
            self._tracker.fail(run, why)
        except Unreachable:
            self._wait_since(began)

    def _wait_since(self, began: float) -> None:
        now = time.monotonic()
        self._again = now + max(PAUSE, (now - began) / SHARE)

    def _deliver(self, key: str) -> None:
        result = self._workspace.load_result(key)
        if result is not None:
            self._tracker.deliver(result)
            self._workspace.release(key)
        self.waiting.discard(key)
