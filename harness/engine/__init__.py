"""Where cohorts are trained: an engine takes tasks and yields what their trainers yield.

An engine knows nothing of trackers, and a trainer nothing of engines. Workers hold no state that
matters: all they produce flows back as events.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from harness.corpus import Corpus
from harness.plan import Cohort
from harness.records import Checkpoint, Event

CHECKPOINT_SECONDS = 30.0  # between two checkpoints of a task: what a crash may cost
TRIES = 3  # of a task whose worker dies, before its runs count as failed


@dataclass(frozen=True)
class Task:
    """A cohort to train, from the start or from a checkpoint.

    Attributes:
        name: of its checkpoint, kept over resumptions.
        cohort: the runs.
        resume: where to go on, if it was begun.
    """

    name: str
    cohort: Cohort
    resume: Checkpoint | None = None

    def after(self, checkpoint: Checkpoint) -> "Task":
        """What is left of the task: members that diverged before the checkpoint have ended."""
        left = tuple(run for run in self.cohort.runs if run.key in checkpoint.keys)
        return replace(self, cohort=Cohort(left), resume=checkpoint)


@dataclass(frozen=True)
class Ended:
    """A task is over.

    Attributes:
        failure: why its runs could not be trained, or None if all is well.
    """

    failure: str | None = None


TaskEvent = tuple[Task, Event | Ended]


class Engine(Protocol):
    """Trains tasks, the first first, and yields their events as they come.

    Attributes:
        workers: for how many to stack.
    """

    @property
    def workers(self) -> int:
        """See the class."""

    def prepare(self, tasks: int) -> None:
        """Have workers for so many tasks load their libraries, while there is other work to do."""

    def introduction(self) -> str:
        """What people want to know of it before it begins; "" if nothing."""

    def __call__(
        self, tasks: Sequence[Task], corpus: Corpus, stopping: Callable[[], bool]
    ) -> Iterator[TaskEvent]:
        """Train until all tasks have ended, or until `stopping`.

        Then every task in training yields a last checkpoint, and the iteration ends.
        """
