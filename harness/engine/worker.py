"""What a worker does with a task, whoever sent it there."""

import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from importlib import import_module

from harness.corpus import Corpus
from harness.engine import Ended, Task
from harness.errors import UserError
from harness.records import Checkpoint, Event, Record, Result

HURRY = 0.2  # seconds for which events may wait to travel together

News = Event | Ended | UserError


def load_trainer() -> None:
    """Load the trainer and its libraries, which takes seconds, before there is a task."""
    with suppress(Exception):  # what fails now fails again in a task, and is told then
        import_module("harness.trainer")


def carry_out(
    task: Task, corpus: Corpus, pause: float, stopping: Callable[[], bool]
) -> Iterator[News]:
    """Train a task; yields its events, and how it ended unless it was stopped.

    Args:
        task: what to train.
        corpus: what it is trained on.
        pause: seconds between two checkpoints.
        stopping: asked again and again; when it says so, the last event is a checkpoint.
    """
    try:
        yield from _train(task, corpus, pause, stopping)
    except UserError as error:
        yield error
    except Exception:
        if task.resume:  # whole, and yet of no use, as that of another version may be
            yield from carry_out(replace(task, resume=None), corpus, pause, stopping)
        else:
            yield Ended(traceback.format_exc())


def _train(
    task: Task, corpus: Corpus, pause: float, stopping: Callable[[], bool]
) -> Iterator[News]:
    from harness.trainer import train

    saved, last = time.monotonic(), False

    def wanted() -> bool:
        nonlocal last
        last = stopping()
        return last or time.monotonic() - saved > pause

    for event in train(task.cohort, corpus, task.resume, wanted):
        yield event
        if isinstance(event, Checkpoint):
            saved = time.monotonic()
            if last:
                return
    yield Ended()


def batches(events: Iterable[News]) -> Iterator[list[News]]:
    """The events in the same order; records and results with what follows them within a moment.

    So a cohort's results arrive together with its end, and its worker can be given the next task
    before anything is done about them.
    """
    batch, since = [], time.monotonic()
    for event in events:
        batch.append(event)
        if not isinstance(event, Record | Result) or time.monotonic() - since > HURRY:
            yield batch
            batch, since = [], time.monotonic()
