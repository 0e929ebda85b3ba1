"""Ctrl-C and SIGTERM: time to save everything, and an exit when that time is over."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = 130  # exit code, as shells have it
GRACE = 3.8  # seconds for saving, whatever hangs
EXIT_GRACE = 0.6  # seconds for leaving after them
CONTINUE = "interrupted; all is saved, and the same command continues from here."
CUT_OFF = "interrupted; what was saved before is kept."  # where there was no time for more

SIGNALS = (signal.SIGINT, signal.SIGTERM)
Handler = Callable[[int, FrameType | None], None]


@contextmanager
def exit_at_once() -> Iterator[None]:
    """Within the block, a signal ends the program at once: there is nothing to save."""
    with _handled(_exit):
        yield


@contextmanager
def stop_signals() -> Iterator[Callable[[], bool]]:
    """Within the block, a signal only changes what the yielded function returns.

    Forces exit after `GRACE` seconds, for instance when a server hangs; what was not saved then
    is what a crash would cost.
    """
    received: list[int] = []

    def receive(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - a handler's form
        if not received:
            signal.signal(signal.SIGALRM, _overdue)
            signal.setitimer(signal.ITIMER_REAL, GRACE, EXIT_GRACE)
        received.append(number)

    with _handled(receive):
        try:
            yield lambda: bool(received)
        finally:
            if received:
                signal.setitimer(signal.ITIMER_REAL, 0)


@contextmanager
def until_stopped() -> Iterator[None]:
    """Within the block, a signal is a quiet way out of it."""

    def interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - a handler's form
        raise KeyboardInterrupt

    with _handled(interrupt):
        try:
            yield
        except KeyboardInterrupt:
            return


def _overdue(number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGALRM, lambda *_: os._exit(INTERRUPTED))  # if leaving hangs as well
    _exit(number, frame)


def _exit(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - a handler's form
    print(CUT_OFF, file=sys.stderr, flush=True)
    sys.exit(INTERRUPTED)


@contextmanager
def _handled(handler: Handler) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in SIGNALS}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)
