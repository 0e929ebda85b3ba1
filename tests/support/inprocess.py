"""The command line in this process, and an engine without processes: quick, and the same code."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from unittest.mock import patch

import pytest

import harness.cli.session
from harness.cli import main
from harness.engines import Task, TaskDone, TaskEvent
from harness.subjects.subject import Data, Subject
from harness.training.trainer import train


def ablate(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, output and errors of `ablate`."""
    with patch.object(sys, "argv", ["ablate", *arguments]), pytest.raises(SystemExit) as exited:
        main()
    output, errors = capsys.readouterr()
    code = exited.value.code
    return code if isinstance(code, int) else 0, output, errors


def run_undisturbed(folder: Path, *arguments: str) -> None:
    """Run `ablate` to its end in a folder, in this process, without output."""
    with pytest.MonkeyPatch.context() as patched, redirect_stdout(StringIO()):
        patched.setattr(harness.cli.session, "LocalEngine", lambda _: InlineEngine())
        patched.setattr(sys, "argv", ["ablate", *arguments])
        patched.chdir(folder)
        with pytest.raises(SystemExit, match="0"):
            main()


class InlineEngine:
    """An engine that trains one task after the other in this process, with many checkpoints.

    Args:
        every: a checkpoint is wanted every so many times that the trainer asks.
    """

    workers = 2

    def __init__(self, every: int = 5) -> None:
        self._every, self._asked = every, 0

    def prepare(self, tasks: int, subject: Subject) -> None:
        """As `Engine` says."""

    def close(self) -> None:
        """As `LocalEngine` says."""

    def introduction(self) -> str:
        """As `Engine` says."""
        return ""

    def __call__(
        self, tasks: Sequence[Task], subject: Subject, data: Data, stopping: Callable[[], bool]
    ) -> Iterator[TaskEvent]:
        """As `Engine` says."""
        for task in tasks:
            if stopping():
                return
            for event in train(task.stack, subject, data, task.resume, self._checkpoint_wanted):
                yield task, event
            yield task, TaskDone()

    def _checkpoint_wanted(self) -> bool:
        self._asked += 1
        return self._asked % self._every == 0


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder with its content."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b"a folder"
        for path in sorted(folder.rglob("*"))
    }
