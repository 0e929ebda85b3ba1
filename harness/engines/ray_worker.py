"""What runs on the nodes of a Ray cluster: the worker's part of a task, and the stop signal."""

import hashlib
import os
import pickle
from asyncio import Event
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from harness.engines import Task, TaskDone
from harness.engines.local import THREADS
from harness.engines.versions import Versions, require, versions
from harness.engines.worker import WorkerEvent, batches, preload, run_task
from harness.errors import UserError
from harness.subjects.subject import Data, Subject


@dataclass(frozen=True)
class WorkerConfig:
    """What the coordinator demands of every worker.

    Attributes:
        subject: what is trained.
        digest: of the data's bytes, as the coordinator sent them.
        versions: the coordinator's.
        pause: seconds between two checkpoints.
    """

    subject: Subject
    digest: str
    versions: Versions
    pause: float


class StopSignal:
    """An actor that tasks wait for: its method returns once the coordinator stops."""

    def __init__(self) -> None:
        self._event = Event()

    async def wait(self) -> None:
        """Return when the signal is set."""
        await self._event.wait()

    async def set(self) -> None:
        """Stop all tasks that wait."""
        self._event.set()


def pack_data(data: Data) -> tuple[bytes, str]:
    """The data as bytes to be sent, and their digest."""
    payload = pickle.dumps(data)
    return payload, hashlib.sha256(payload).hexdigest()


def prepare_worker(subject: Subject) -> None:
    """Load the libraries, each for one thread, before there is a task."""
    os.environ.update(dict.fromkeys(THREADS, "1"))  # read when the libraries are loaded
    preload(subject)


def work(task: Task, payload: bytes, terms: WorkerConfig, stop: Any) -> Iterator[list[WorkerEvent]]:
    """A worker's part, run by Ray: train a task, and yield its events in batches."""
    prepare_worker(terms.subject)
    try:
        require(terms.versions, versions())
    except UserError as error:
        yield [error]
        return
    if hashlib.sha256(payload).hexdigest() != terms.digest:
        yield [TaskDone("the data was damaged on its way to the worker")]
        return
    data: Data = pickle.loads(payload)  # noqa: S301 - the coordinator's own, as Ray's tasks are
    # Reading a future does not involve Ray; Ray's own `wait` would count this task as idle each
    # time, and start another on the same CPU.
    stopped = stop.wait.remote().future()
    yield from batches(run_task(task, terms.subject, data, terms.pause, stopped.done))
