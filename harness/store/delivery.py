"""Results on their way to the store: on disk until the store has them."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from harness.errors import Unreachable
from harness.store.throttle import Throttle
from harness.store.workspace import Workspace
from harness.study.plan import Run
from harness.subjects.subject import Outcome
from harness.training.records import Result

RETRY_PAUSE = 5.0  # seconds between two deliveries while the store cannot be reached, at least
RETRY_SHARE = 0.05  # of the time may go into deliveries that fail
GIVE_UP = 60.0  # seconds without success after which the last deliveries are left on disk
SLICE = 0.1  # seconds of delivering at a time: meanwhile no worker is given its next task


class ResultSink(Protocol):
    """Where results are delivered: the store, as the flow knows it."""

    @property
    def ended(self) -> Mapping[str, Outcome]:
        """Outcome by key of every run that is complete there."""

    def deliver(self, result: Result) -> None:
        """Store everything of an ended run; raises `Unreachable` where some of it is not stored."""

    def fail(self, run: Run, why: str) -> None:
        """Mark a run that crashed repeatedly; raises `Unreachable` where it is not marked."""


class Delivery:
    """Delivers each result exactly once, whenever the store can be reached.

    Args:
        sink: the study's side of the store.
        workspace: where results wait; those of other runs than these stay there.
        runs: the study's grid.
        stopping: whether to leave the rest for a later session.

    Attributes:
        waiting: keys of the results on disk that the store does not have yet.
        obstacle: why it did not take the last one that it was offered in vain; "" if none was.
    """

    def __init__(
        self,
        sink: ResultSink,
        workspace: Workspace,
        runs: Sequence[Run],
        stopping: Callable[[], bool],
    ) -> None:
        self._sink, self._workspace, self._stopping = sink, workspace, stopping
        held = {run.key for run in runs} & set(workspace.pending_results())
        self.waiting = {key for key in held if workspace.load_result(key)}  # none that is damaged
        self.obstacle = ""
        self._retries = Throttle(RETRY_SHARE, RETRY_PAUSE)

    def accept(self, result: Result) -> None:
        """Take a result over; from now on it cannot be lost."""
        self._workspace.save_result(result)
        self.waiting.add(result.key)

    def has(self, key: str) -> bool:
        """Whether a run has ended, and its result is in the store or on its way there."""
        return key in self._sink.ended or key in self.waiting

    def poll(self) -> None:
        """Deliver what waits for a moment, unless the store could not be reached just now."""
        end = time.monotonic() + SLICE
        while self.waiting and self._retries.ready() and time.monotonic() < end:
            start, key = time.monotonic(), min(self.waiting)
            try:
                if result := self._workspace.load_result(key):
                    self._sink.deliver(result)
                    self._workspace.delete_result(key)
                self.waiting.discard(key)
            except Unreachable as error:
                self.obstacle = str(error)
                self._retries.spent_since(start)

    def flush(self) -> None:
        """Deliver what waits; retry for a while what the store does not take."""
        self._retries.next, end = 0.0, time.monotonic() + GIVE_UP
        while self.waiting and time.monotonic() < end and not self._stopping():
            before = len(self.waiting)
            self.poll()
            if len(self.waiting) < before:
                end = time.monotonic() + GIVE_UP
            else:
                self._retries.hurry()
                time.sleep(0.2)

    def give_up(self, run: Run, why: str) -> None:
        """Mark a run as failed, if the store can be reached; a later session trains it again."""
        start = time.monotonic()
        try:
            self._sink.fail(run, why)
        except Unreachable:
            self._retries.spent_since(start)
