"""The local engine: one single-threaded worker process a core."""

import multiprocessing
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from threading import Thread

from harness.corpus import Corpus
from harness.engine import CHECKPOINT_SECONDS, TRIES, Ended, Task, TaskEvent
from harness.engine.worker import batches, carry_out, load_trainer
from harness.errors import UserError
from harness.records import Checkpoint

PATIENCE = 2.5  # seconds that a stopping worker has for its last checkpoint
LOOK = 0.2  # seconds between two looks at whether to stop
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


@dataclass
class Worker:
    """A worker process and what it is doing.

    Attributes:
        tries: how often its task was begun since it last got further.
    """

    process: SpawnProcess
    pipe: Connection
    task: Task | None = None
    tries: int = 0


class LocalEngine:
    """Trains tasks in so many worker processes, until it is closed."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._context = multiprocessing.get_context("spawn")
        self._team: list[Worker] = []

    def prepare(self, tasks: int) -> None:
        """As `Engine` says."""
        while len(self._team) < min(self.workers, tasks):
            self._team.append(self._hire())

    def close(self) -> None:
        """End all workers."""
        for worker in self._team:
            worker.process.kill()
            worker.process.join()
            worker.pipe.close()
        self._team.clear()

    def introduction(self) -> str:
        """As `Engine` says."""
        return ""

    def __call__(
        self, tasks: Sequence[Task], corpus: Corpus, stopping: Callable[[], bool]
    ) -> Iterator[TaskEvent]:
        """As `Engine` says."""
        waiting = deque((task, 1) for task in tasks)
        self.prepare(len(tasks))
        try:
            for worker in self._team:
                _tell(worker, corpus)  # waits until it reads, and all are starting meanwhile
            self._assign(waiting)
            while (busy := [worker for worker in self._team if worker.task]) and not stopping():
                for worker in _ready(busy, LOOK):
                    yield from self._hear(worker, waiting, corpus)
                    self._assign(waiting)
            yield from self._last_words()
        finally:
            self.close()

    def _hire(self) -> Worker:
        """A new process; the data must be the first that it is told.

        As an argument they would hang the start of a process that dies.
        """
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=work, args=(theirs, CHECKPOINT_SECONDS), daemon=True)
        with _inherited():
            process.start()
        theirs.close()
        return Worker(process, ours)

    def _assign(self, waiting: deque[tuple[Task, int]]) -> None:
        for worker in self._team:
            if worker.task is None and waiting:
                worker.task, worker.tries = waiting.popleft()
                _tell(worker, worker.task)

    def _hear(
        self, worker: Worker, waiting: deque[tuple[Task, int]], corpus: Corpus
    ) -> Iterator[TaskEvent]:
        assert worker.task is not None  # noqa: S101 - only busy workers are listened to
        task = left = worker.task
        try:
            events = worker.pipe.recv()
        except (EOFError, OSError):
            worker.process.join()
            events = [Ended(f"its worker died with exit code {worker.process.exitcode}")]
            self._team[self._team.index(worker)] = fresh = self._hire()
            _tell(fresh, corpus)
        for event in events:
            if isinstance(event, UserError):
                raise event
            if isinstance(event, Checkpoint):
                worker.task = left = task.after(event)
                worker.tries = 1
            if isinstance(event, Ended):
                worker.task = None
                if event.failure and worker.tries < TRIES:
                    waiting.appendleft((left, worker.tries + 1))
                    return
            yield task, event

    def _last_words(self) -> Iterator[TaskEvent]:
        """Ask every busy worker for a checkpoint, and pass on what it says until then."""
        deadline = time.monotonic() + PATIENCE
        busy = [worker for worker in self._team if worker.task]
        for worker in busy:
            _tell(worker, "stop")
        while busy and (left := deadline - time.monotonic()) > 0:
            for worker in _ready(busy, left):
                assert worker.task is not None  # noqa: S101 - busy
                try:
                    events = worker.pipe.recv()
                except (EOFError, OSError):
                    events = [Ended("it died")]
                for event in events:
                    if isinstance(event, UserError):
                        raise event
                    if isinstance(event, Checkpoint | Ended):
                        busy.remove(worker)
                    if not isinstance(event, Ended) or not event.failure:  # it is tried again later
                        yield worker.task, event


def _ready(busy: list[Worker], seconds: float) -> list[Worker]:
    """Workers that have something to say; waits so long for the first."""
    ready = set(wait([worker.pipe for worker in busy], timeout=seconds))
    return [worker for worker in busy if worker.pipe in ready]


def _tell(worker: Worker, message: Corpus | Task | str) -> None:
    try:
        worker.pipe.send(message)
    except OSError:
        return  # it died; the end of its pipe will say so


@contextmanager
def _inherited() -> Iterator[None]:
    """While this is held, processes start single-threaded and deaf to Ctrl-C and SIGTERM.

    A terminal sends Ctrl-C to all of them, and it is the coordinator that decides when to stop.
    """
    resource_tracker.ensure_running()  # its start would unblock the signals again
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))  # read when the worker imports its libraries
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def work(pipe: Connection, pause: float) -> None:
    """A worker's life: train the tasks that come through the pipe after the data, until it closes.

    When the coordinator is gone, the pipe is at its end. What comes during a task says to stop.

    Args:
        pipe: to the coordinator.
        pause: seconds between two checkpoints of a task.
    """
    Thread(target=load_trainer, daemon=True).start()  # and meanwhile it listens
    try:
        corpus = pipe.recv()
        while True:
            task = pipe.recv()
            if isinstance(task, Task):  # else it was told to stop when it had just ended
                for events in batches(carry_out(task, corpus, pause, pipe.poll)):
                    pipe.send(events)
    except (EOFError, ConnectionError):
        os._exit(0)  # libraries may still be loading, which nothing should wait for
