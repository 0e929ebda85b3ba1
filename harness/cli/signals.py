"""Ctrl-C, SIGTERM, SIGHUP: time to save everything, and an exit when that time is over."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from harness.errors import Interruption

INTERRUPTED = 130  # exit code, as shells have it
GRACE = 3.8  # seconds for saving, whatever hangs
EXIT_GRACE = 0.6  # seconds for leaving after them
CONTINUE = "interrupted; everything is saved, and the same command continues from here."
CUT_OFF = "interrupted; everything saved before is kept."  # where there was no time for more

SOON = 0.01  # seconds until a way out that was swallowed is taken again

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # the last where a terminal closes
Handler = Callable[[int, FrameType | None], None]


@contextmanager
def exit_at_once() -> Iterator[None]:
    """Within the block, a signal ends the program at once: there is nothing to save.

    Forces exit after `GRACE` seconds, where code that is not ours swallows the way out.
    """
    with _handled(_exit_surely), _not_swallowed():
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, signal.SIG_DFL)


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
    with suppress(Interruption), _handled(_leave):
        yield


def _overdue(number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGALRM, lambda *_: os._exit(INTERRUPTED))  # if leaving hangs as well
    _exit(number, frame)


def _exit_surely(number: int, frame: FrameType | None) -> None:
    if not signal.getitimer(signal.ITIMER_REAL)[0]:
        signal.signal(signal.SIGALRM, lambda *_: os._exit(INTERRUPTED))
        signal.setitimer(signal.ITIMER_REAL, GRACE)
    _exit(number, frame)


def _exit(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - a handler's form
    print(CUT_OFF, file=sys.stderr, flush=True)
    raise Interruption(INTERRUPTED)


def _leave(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - a handler's form
    raise Interruption(INTERRUPTED)


@contextmanager
def _not_swallowed() -> Iterator[None]:
    """Within the block, an interruption that hits a destructor or a callback is raised again.

    Python ignores exceptions there, those of a garbage collection among them.
    """
    before = sys.unraisablehook

    def again(ignored: "sys.UnraisableHookArgs") -> None:
        if not isinstance(ignored.exc_value, Interruption):
            before(ignored)
            return
        if signal.getsignal(signal.SIGALRM) is signal.SIG_DFL:  # else time is over
            signal.signal(signal.SIGALRM, _leave)
        signal.setitimer(signal.ITIMER_REAL, SOON)

    sys.unraisablehook = again
    try:
        yield
    finally:
        sys.unraisablehook = before


@contextmanager
def _handled(handler: Handler) -> Iterator[None]:
    """Within the block, signals are handled; but one that `nohup` has ignored stays ignored."""
    ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    handled = [number for number in SIGNALS if number != signal.SIGHUP or not ignored]
    before = {number: signal.signal(number, handler) for number in handled}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)
