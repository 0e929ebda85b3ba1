"""How a study goes, for people: bars on a terminal, plain lines elsewhere.

`events.py` has the same for programs.
"""

import time
from collections.abc import Sequence
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from harness.engines import Task, TaskDone
from harness.errors import counted
from harness.flow import Progress as Watcher
from harness.study.levels import place_label
from harness.study.plan import Costs, Stack
from harness.study.speed import expected_seconds, format_duration
from harness.training.records import Event, Record, Result

EVERY = 10.0  # seconds between two plain lines
START = 5.0  # seconds that workers take to start and the store to be filled, at least
LOSS = "train/loss"  # the curve that the trainer logs for every subject


class Bars:
    """A bar for the whole study and one for each stack in training, with its live loss."""

    def __init__(
        self, console: Console, costs: Costs, workers: int, compiling: float = 0.0
    ) -> None:
        self._console, self._costs, self._workers = console, costs, workers
        self._compiling = compiling
        self._progress = Progress(
            TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(),
            TextColumn("{task.fields[loss]}"), TimeElapsedColumn(), TimeRemainingColumn(),
            console=console,
        )  # fmt: skip
        self._bars: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        """Start drawing."""
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop drawing."""
        self._progress.stop()

    def plan(self, tasks: Sequence[Task]) -> None:
        """Show the whole, and how long it will take."""
        self._console.print(announce(tasks, self._costs, self._workers, self._compiling))
        self._work = {task.name: self._work_left(task) for task in tasks}
        self._done = dict.fromkeys(self._work, 0.0)
        runs = sum(len(task.stack.runs) for task in tasks)
        self._all = self._progress.add_task(
            counted(runs, "run"), total=sum(self._work.values()) or None, loss=""
        )

    def follow(self, task: Task, event: Event | TaskDone) -> None:
        """Move the bars."""
        if isinstance(event, Record):
            self._move(task, event)
        if isinstance(event, TaskDone):
            self._done[task.name] = self._work[task.name]
            if task.name in self._bars:
                self._progress.remove_task(self._bars.pop(task.name))
        self._progress.update(self._all, completed=sum(self._done.values()))

    def _work_left(self, task: Task) -> float:
        """What is left to do of a task, in millions of multiplications."""
        fields = task.stack.fields
        left = fields.steps - (task.resume.step if task.resume else 0)
        return float(self._costs(fields).step * left * len(task.stack.runs))

    def _move(self, task: Task, record: Record) -> None:
        steps = task.stack.fields.steps
        if task.name not in self._bars:
            self._bars[task.name] = self._progress.add_task(title(task.stack), total=steps, loss="")
        self._progress.update(self._bars[task.name], completed=record.step)
        if LOSS in record.values:
            shown = f"loss {record.values[LOSS]:.3f}"
            self._progress.update(self._bars[task.name], loss=shown)
        start = task.resume.step if task.resume else 0
        share = max(0.0, record.step - start) / max(1, steps - start)
        self._done[task.name] = share * self._work[task.name]


class Lines:
    """A line at the start and every few seconds."""

    def __init__(
        self, console: Console, costs: Costs, workers: int, compiling: float = 0.0
    ) -> None:
        self._console, self._costs, self._workers = console, costs, workers
        self._compiling = compiling
        self._printed = self._began = time.monotonic()
        self._ended = 0

    def __enter__(self) -> Self:
        """Nothing to prepare."""
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to clean up."""

    def plan(self, tasks: Sequence[Task]) -> None:
        """Say what will be done, and how long it will take."""
        self._runs = sum(len(task.stack.runs) for task in tasks)
        said = announce(tasks, self._costs, self._workers, self._compiling)
        self._console.print(said, soft_wrap=True)

    def follow(self, task: Task, event: Event | TaskDone) -> None:
        """Say how far it is, now and then."""
        self._ended += isinstance(event, Result)
        now = time.monotonic()
        if isinstance(event, Record) and now - self._printed > EVERY and LOSS in event.values:
            self._printed = now
            self._console.print(
                f"{now - self._began:5.0f} s  {self._ended}/{self._runs} runs ended; "
                f"{title(task.stack)}: step {event.step + 1:,} of {task.stack.fields.steps:,}, "
                f"loss {event.values[LOSS]:.3f}",
                soft_wrap=True,
            )


class Together:
    """Several watchers as one."""

    def __init__(self, *watchers: Watcher) -> None:
        self._watchers = watchers

    def plan(self, tasks: Sequence[Task]) -> None:
        """Tell each what will be trained."""
        for watcher in self._watchers:
            watcher.plan(tasks)

    def follow(self, task: Task, event: Event | TaskDone) -> None:
        """Tell each what has just happened."""
        for watcher in self._watchers:
            watcher.follow(task, event)


def announce(tasks: Sequence[Task], costs: Costs, workers: int, compiling: float = 0.0) -> str:
    """What will be trained, the estimate of how long it takes, and what of that comes first."""
    runs = sum(len(task.stack.runs) for task in tasks)
    whole = format_duration(session_seconds(tasks, costs, workers, compiling))
    said = f"training {counted(runs, 'run')} in {counted(len(tasks), 'stack')}, about {whole}"
    if compiling:
        said += f", first {format_duration(compiling)} of compiling, once on this machine"
    return said


def session_seconds(
    tasks: Sequence[Task], costs: Costs, workers: int, compiling: float = 0.0
) -> float:
    """Estimate of how long a session takes that compiles and trains these tasks."""
    stacks = [task.stack for task in tasks]
    return START + compiling + expected_seconds(stacks, costs, workers)[0]


def title(stack: Stack) -> str:
    """A stack in a few words: how many members, and what they have in common."""
    shared = place_label({
        factor: level
        for factor, level in stack.runs[0].cell.items()
        if len({str(run.cell[factor]) for run in stack.runs}) == 1
    })  # fmt: skip
    return f"{len(stack.runs)} × {shared or 'one shape'}"
