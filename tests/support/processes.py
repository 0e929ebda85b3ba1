"""Processes that a test has started, and what these have started in turn."""

import os
from pathlib import Path


def descendants(pid: int | None = None) -> list[int]:
    """Ids of all that a process, or else this one, has started, and these in turn."""
    found: list[int] = []
    waiting = [pid or os.getpid()]
    while waiting:
        children = [int(child) for child in _children(waiting.pop())]
        waiting += children
        found += children
    return found


def command_line(pid: int) -> bytes:
    """How a process was called; empty where it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _children(pid: int) -> list[str]:
    """Of all threads: a thread that starts a process is the one that lists it."""
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        return [child for thread in threads for child in (thread / "children").read_text().split()]
    except OSError:  # it has just ended
        return []
