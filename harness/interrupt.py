"""Ctrl-C and SIGTERM: a chance to save everything, and an end to it in time."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = 130  # exit code, as shells have it
GRACE = 3.8  # seconds for saving, whatever hangs
REST = 0.6  # seconds for leaving after them
GO_ON = "interrupted; all is saved, and the same command goes on from here."
LEFT = "interrupted; what was saved before is kept."  # where there was no time for more

SIGNALS = (signal.SIGINT, signal.SIGTERM)
Handler = Callable[[int, FrameType | None], None]


@contextmanager
def leaving_at_once() -> Iterator[None]:
    """While this is held, a signal ends the program at once: there is nothing to save."""
    with _handled(_leave):
        yield


@contextmanager
def stop_signals() -> Iterator[Callable[[], bool]]:
    """While this is held, a signal only sets what the yielded function tells.

    Who does not stop in time for it, as when a server hangs, is stopped: what was not saved then is
    what a crash would cost.
    """
    stopped: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signals' form
        if not stopped:
            signal.signal(signal.SIGALRM, _overdue)
            signal.setitimer(signal.ITIMER_REAL, GRACE, REST)
        stopped.append(number)

    with _handled(note):
        try:
            yield lambda: bool(stopped)
        finally:
            if stopped:
                signal.setitimer(signal.ITIMER_REAL, 0)


def _overdue(number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGALRM, lambda *_: os._exit(INTERRUPTED))  # should leaving hang as well
    _leave(number, frame)


def _leave(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signals' form
    print(LEFT, file=sys.stderr, flush=True)
    sys.exit(INTERRUPTED)


@contextmanager
def _handled(handler: Handler) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in SIGNALS}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)
