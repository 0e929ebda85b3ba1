"""What a worker on another machine does with a task, whoever sent it there."""

import hashlib
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from harness.corpus import Corpus
from harness.engine import Ended, Task
from harness.engine.versions import Versions, require, versions
from harness.errors import UserError
from harness.records import Checkpoint, Event, Record

HURRY = 0.2  # seconds for which records may wait to travel together

News = Event | Ended | UserError


@dataclass(frozen=True)
class Terms:
    """What the coordinator asks of every worker.

    Attributes:
        digest: of the data, as the coordinator has them.
        versions: the coordinator's.
        pause: seconds between two checkpoints.
    """

    digest: str
    versions: Versions
    pause: float


def carry_out(
    task: Task, corpus: Corpus, terms: Terms, stopping: Callable[[], bool]
) -> Iterator[News]:
    """Train a task; yields its events, and how it ended unless it was stopped.

    Args:
        task: what to train.
        corpus: as it arrived here.
        terms: what must hold.
        stopping: asked again and again; when it says so, the last event is a checkpoint.
    """
    try:
        require(terms.versions, versions())
        if hashlib.sha256("\n".join(corpus.words).encode()).hexdigest() != terms.digest:
            raise ValueError("the data were damaged on their way to the worker")
        yield from _train(task, corpus, terms.pause, stopping)
    except UserError as error:
        yield error
    except Exception:
        if task.resume:  # whole, and yet of no use, as that of another version may be
            yield from carry_out(replace(task, resume=None), corpus, terms, stopping)
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
    """The events in the same order, records together with what follows them within a moment."""
    batch, since = [], time.monotonic()
    for event in events:
        batch.append(event)
        if not isinstance(event, Record) or time.monotonic() - since > HURRY:
            yield batch
            batch, since = [], time.monotonic()
