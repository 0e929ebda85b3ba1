"""The local engine: one single-threaded worker process a core."""

import multiprocessing
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from threading import Thread

from harness.engines import CHECKPOINT_SECONDS, TRIES, Task, TaskDone, TaskEvent
from harness.engines.worker import batches, preload, run_task
from harness.errors import UserError
from harness.output import open_output
from harness.subjects.subject import Data, Subject
from harness.training.records import Checkpoint

STOP_TIMEOUT = 2.5  # seconds that a stopping worker has for its last checkpoint
POLL = 0.2  # seconds between two checks whether to stop
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # which the coordinator acts on


@dataclass
class Worker:
    """A worker process and what it is doing.

    Attributes:
        tries: how often its task was started since its last checkpoint.
    """

    process: SpawnProcess
    pipe: Connection
    task: Task | None = None
    tries: int = 0

    def send(self, message: Data | Task | str) -> None:
        """Send a message; a worker that has died is noticed when its pipe is read."""
        try:
            self.pipe.send(message)
        except OSError:
            return


class LocalEngine:
    """Trains tasks in so many worker processes, until it is closed."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._context = multiprocessing.get_context("spawn")
        self._team: list[Worker] = []

    def prepare(self, tasks: int, subject: Subject) -> None:
        """As `Engine` says."""
        while len(self._team) < min(self.workers, tasks):
            self._team.append(self._start_worker(subject))

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
        self, tasks: Sequence[Task], subject: Subject, data: Data, stopping: Callable[[], bool]
    ) -> Iterator[TaskEvent]:
        """As `Engine` says."""
        waiting = deque((task, 1) for task in tasks)
        self.prepare(len(tasks), subject)
        try:
            for worker in self._team:
                worker.send(data)  # blocks until the worker reads; all are starting meanwhile
            self._assign(waiting)
            while (busy := [worker for worker in self._team if worker.task]) and not stopping():
                for worker in _ready(busy, POLL):
                    yield from self._receive(worker, waiting, subject, data)
                    self._assign(waiting)
            yield from self._stop_workers()
        finally:
            self.close()

    def _start_worker(self, subject: Subject) -> Worker:
        """A new process; the first message it gets must be the data.

        As an argument, large data would block the start of a process that dies.
        """
        ours, theirs = self._context.Pipe()
        arguments = (theirs, CHECKPOINT_SECONDS, subject)
        process = self._context.Process(target=work, args=arguments, daemon=True)
        with _worker_environment():
            process.start()
        theirs.close()
        return Worker(process, ours)

    def _assign(self, waiting: deque[tuple[Task, int]]) -> None:
        for worker in self._team:
            if worker.task is None and waiting:
                worker.task, worker.tries = waiting.popleft()
                worker.send(worker.task)

    def _receive(
        self, worker: Worker, waiting: deque[tuple[Task, int]], subject: Subject, data: Data
    ) -> Iterator[TaskEvent]:
        """Pass on what a busy worker has sent; replace it if it has died."""
        assert worker.task is not None  # noqa: S101 - only busy workers are read
        task = left = worker.task
        try:
            events = worker.pipe.recv()
        except (EOFError, OSError):
            worker.process.join()
            events = [TaskDone(f"its worker died with exit code {worker.process.exitcode}")]
            self._team[self._team.index(worker)] = fresh = self._start_worker(subject)
            fresh.send(data)
        for event in events:
            if isinstance(event, UserError):
                raise event
            if isinstance(event, Checkpoint):
                worker.task = left = task.after(event)
                worker.tries = 1
            if isinstance(event, TaskDone):
                worker.task = None
                if event.failure and worker.tries < TRIES:
                    waiting.appendleft((left, worker.tries + 1))
                    return
            yield task, event

    def _stop_workers(self) -> Iterator[TaskEvent]:
        """Ask every busy worker for a checkpoint, and pass on what it sends until then."""
        deadline = time.monotonic() + STOP_TIMEOUT
        busy = [worker for worker in self._team if worker.task]
        for worker in busy:
            worker.send("stop")
        while busy and (left := deadline - time.monotonic()) > 0:
            for worker in _ready(busy, left):
                assert worker.task is not None  # noqa: S101 - busy
                try:
                    events = worker.pipe.recv()
                except (EOFError, OSError):
                    events = [TaskDone("it died")]
                for event in events:
                    if isinstance(event, UserError):
                        raise event
                    if isinstance(event, Checkpoint | TaskDone):
                        busy.remove(worker)
                    failed = isinstance(event, TaskDone) and event.failure
                    if not failed:  # a later session tries a failed task again
                        yield worker.task, event


def _ready(busy: list[Worker], seconds: float) -> list[Worker]:
    """Workers that have sent something; waits so long for the first."""
    ready = set(wait([worker.pipe for worker in busy], timeout=seconds))
    return [worker for worker in busy if worker.pipe in ready]


@contextmanager
def _worker_environment() -> Iterator[None]:
    """Within the block, processes start single-threaded and with `SIGNALS` blocked.

    A terminal sends Ctrl-C to all of them, and SIGHUP where it closes; the coordinator decides when
    to stop.
    """
    resource_tracker.ensure_running()  # its start would unblock the signals again
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))  # read when the worker imports its libraries
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def _leave_with_coordinator() -> None:
    """End this process once its coordinator is gone, even if a user's file never comes back."""
    coordinator = multiprocessing.parent_process()
    assert coordinator is not None  # noqa: S101 - workers are started by one
    coordinator.join()
    os._exit(0)


def work(pipe: Connection, pause: float, subject: Subject) -> None:
    """A worker's loop: train the tasks that come through the pipe after the data, until it closes.

    When the coordinator is gone, the pipe is at its end. A message during a task means stop. What a
    user's file prints goes to standard error: standard output is the command's.

    Args:
        pipe: to the coordinator.
        pause: seconds between two checkpoints of a task.
        subject: what is trained.
    """
    open_output()
    sys.stdout = sys.stderr  # what a user's file prints is not the command's output
    Thread(target=_leave_with_coordinator, daemon=True).start()
    Thread(target=preload, args=(subject,), daemon=True).start()  # the pipe is read meanwhile
    try:
        data = pipe.recv()
        while True:
            task = pipe.recv()
            if isinstance(task, Task):  # else a "stop" that came just after the last task's end
                for events in batches(run_task(task, subject, data, pause, pipe.poll)):
                    pipe.send(events)
    except (EOFError, ConnectionError):
        os._exit(0)  # libraries may still be loading, which nothing should wait for
