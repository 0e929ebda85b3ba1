"""What a worker does with a task, whoever sent it there."""

import gc
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace

from harness.engines import Task, TaskDone
from harness.errors import UserError
from harness.study.plan import run_key
from harness.subjects.subject import Data, Subject
from harness.training.records import Checkpoint, Event, Record, Result

LONGEST_DELAY = 0.2  # seconds for which events may wait to travel together

WorkerEvent = Event | TaskDone | UserError


def preload(subject: Subject) -> None:
    """Load the trainer and the subject's libraries, which takes seconds, before there is a task."""
    gc.disable()
    with suppress(Exception):  # what fails now fails again in a task, and is reported then
        import harness.training.trainer  # noqa: F401 - for its imports

        subject.preload()
    gc.freeze()  # what is loaded stays; examining it takes 0.1 s each time
    gc.enable()


def run_task(
    task: Task, subject: Subject, data: Data, pause: float, stopping: Callable[[], bool]
) -> Iterator[WorkerEvent]:
    """Train a task; yields its events, and how it ended unless it was stopped.

    Args:
        task: what to train.
        subject: what its runs are.
        data: what they are trained on.
        pause: seconds between two checkpoints.
        stopping: polled; once it is true, the last event is a checkpoint.
    """
    saved, last = time.monotonic(), False

    def checkpoint_wanted() -> bool:
        nonlocal last
        last = stopping()
        return last or time.monotonic() - saved > pause

    try:
        from harness.training.trainer import train  # loads torch; the coordinator does without

        require_same(task, subject, data)
        for event in train(task.stack, subject, data, task.resume, checkpoint_wanted):
            yield event
            if isinstance(event, Checkpoint):
                saved = time.monotonic()
                if last:
                    return
        yield TaskDone()
    except UserError as error:
        yield error
    except Exception:
        if task.resume:  # whole and yet unusable, as another version's checkpoint may be
            yield from run_task(replace(task, resume=None), subject, data, pause, stopping)
        else:
            yield TaskDone(traceback.format_exc())


def require_same(task: Task, subject: Subject, data: Data) -> None:
    """Check that this process trains what the runs are identified by.

    Raises:
        UserError: a file of the user's was changed after the coordinator had read it.
    """
    if any(run.key != run_key(subject, run.fields, run.seed, data.digest)
           for run in task.stack.runs):  # fmt: skip
        raise UserError(
            "the code of a study must stay as it is while it is trained",
            f"other code of {subject.name} than at the start",
            "Run the same command again: it trains what is missing with the code as it is now.",
        )


def batches(events: Iterable[WorkerEvent]) -> Iterator[list[WorkerEvent]]:
    """The events in the same order; records and results with what follows them within a moment.

    A stack's results thus arrive together with its end, and its worker gets the next task before
    the coordinator deals with them.
    """
    batch, since = [], time.monotonic()
    for event in events:
        batch.append(event)
        if not isinstance(event, Record | Result) or time.monotonic() - since > LONGEST_DELAY:
            yield batch
            batch, since = [], time.monotonic()
