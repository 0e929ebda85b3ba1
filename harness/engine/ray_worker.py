"""What runs on the nodes of a Ray cluster: the worker's part of a task, and the bell."""

import hashlib
import os
from asyncio import Event as Flag
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from harness.corpus import Corpus
from harness.engine import Ended, Task
from harness.engine.local import THREADS
from harness.engine.versions import Versions, require, versions
from harness.engine.worker import News, batches, carry_out, load_trainer
from harness.errors import UserError


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


class Bell:
    """An actor that is asked whether to stop, and answers when it is."""

    def __init__(self) -> None:
        self._flag = Flag()

    async def rung(self) -> None:
        """Return when the bell is rung."""
        await self._flag.wait()

    async def ring(self) -> None:
        """Tell all who wait."""
        self._flag.set()


def load() -> None:
    """What a worker can do before there is a task: load the libraries, each for one thread."""
    os.environ.update(dict.fromkeys(THREADS, "1"))  # read when they are loaded
    load_trainer()


def work(task: Task, corpus: Corpus, terms: Terms, bell: Any) -> Iterator[list[News]]:
    """A worker's part, run by Ray: train a task, and yield its events in batches."""
    load()
    try:
        require(terms.versions, versions())
    except UserError as error:
        yield [error]
        return
    if hashlib.sha256("\n".join(corpus.words).encode()).hexdigest() != terms.digest:
        yield [Ended("the data were damaged on their way to the worker")]
        return
    # A future is looked at without Ray; its own `wait` would count this task as idle each time,
    # and start another on the same CPU.
    rung = bell.rung.remote().future()
    yield from batches(carry_out(task, corpus, terms.pause, rung.done))
