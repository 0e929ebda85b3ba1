"""Where stacks are trained: an engine takes tasks and yields what their trainers yield.

`local.py` trains in processes of this machine, `ray.py` on a Ray cluster; `worker.py` is what both
run. `cli/session.py` opens the engine that `ablate run --engine` names. Engines know no store, and
the trainer knows no engine. Workers hold no state that matters: all they produce flows back as
events. May import: `errors`, `files`, `output`, `subjects`, `study`, `training`. Only `ray.py`
imports Ray.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from harness.study.plan import Stack
from harness.subjects.subject import Data, Subject
from harness.training.records import Checkpoint, Event

CHECKPOINT_SECONDS = 30.0  # between two checkpoints of a task: what a crash may cost
TRIES = 3  # of a task whose worker dies, before its runs count as failed


@dataclass(frozen=True)
class Task:
    """A stack to train, from the start or from a checkpoint.

    Attributes:
        name: of its checkpoint, kept over resumptions.
        stack: the runs.
        resume: where to continue, if it was interrupted.
    """

    name: str
    stack: Stack
    resume: Checkpoint | None = None

    def after(self, checkpoint: Checkpoint) -> "Task":
        """What is left of the task: members that diverged before the checkpoint have ended."""
        left = tuple(run for run in self.stack.runs if run.key in checkpoint.keys)
        return replace(self, stack=Stack(left), resume=checkpoint)


@dataclass(frozen=True)
class TaskDone:
    """A task is over.

    Attributes:
        failure: why its runs could not be trained, or None if all is well.
    """

    failure: str | None = None


TaskEvent = tuple[Task, Event | TaskDone]


class Engine(Protocol):
    """Trains tasks, the first first, and yields their events as they come."""

    @property
    def workers(self) -> int:
        """For how many workers to make stacks."""

    def prepare(self, tasks: int, subject: Subject) -> None:
        """Start workers for so many tasks and load their libraries while there is other work."""

    def introduction(self) -> str:
        """What people want to know of it before training; "" if nothing."""

    def __call__(
        self, tasks: Sequence[Task], subject: Subject, data: Data, stopping: Callable[[], bool]
    ) -> Iterator[TaskEvent]:
        """Train until all tasks are done, or until `stopping`.

        Then every task in training yields a last checkpoint, and the iteration ends.
        """
