"""The Ray engine: one CPU a task, on whatever cluster there is; Ray schedules.

A task runs as a Ray generator: its events come back in batches, as objects of Ray. A `StopSignal`
stops all of them. What was lost with a worker or a node is sent again, from the last checkpoint
that came back. The data travel once to every node.

This is the only place that imports Ray, and only when it is used.
"""

import logging
import os
import signal
import socket
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from harness.engines import CHECKPOINT_SECONDS, TRIES, Task, TaskDone, TaskEvent
from harness.engines.local import POLL, STOP_TIMEOUT
from harness.engines.ray_worker import StopSignal, WorkerConfig, pack_data, prepare_worker, work
from harness.engines.versions import versions
from harness.engines.worker import WorkerEvent
from harness.errors import UserError
from harness.subjects.subject import Data, Subject
from harness.training.records import Checkpoint

TASKS_PER_CPU = 2  # in Ray's hands: work for nodes that join, demand for an autoscaler
FEWEST_TASKS = 16  # tasks in Ray's hands, however few CPUs there are yet
CONNECT_TIMEOUT = 5.0  # seconds in which a cluster must answer
WAITERS = 1_000_000  # tasks that may wait for the stop signal at a time


@dataclass(eq=False)
class RemoteTask:
    """A task in Ray's hands.

    Attributes:
        task: as the engine was given it.
        left: what is left of it after its last checkpoint.
        tries: how often it was sent since that checkpoint.
        started: whether any event has come of it.
    """

    task: Task
    left: Task
    tries: int = 0
    started: bool = False


class RayEngine:
    """Trains tasks on a Ray cluster until it is stopped; `cluster` makes one.

    Args:
        ray: the library.
        background: the one thread in which the connection to a cluster is made and ended.
        connected: waits for the connection, and returns what Ray says of it.
        limit: of tasks in Ray's hands at a time; None follows the cluster's size.
        pause: seconds between two checkpoints of a task.
    """

    def __init__(
        self, ray: Any, background: Executor, connected: Callable[[], Any], limit: int | None,
        pause: float = CHECKPOINT_SECONDS,
    ) -> None:  # fmt: skip
        self._library, self._background, self._connected = ray, background, connected
        self._limit, self._pause = limit, pause
        self._work = ray.remote(num_cpus=1, num_returns="streaming", max_retries=0)(work)
        self._sent: dict[Any, RemoteTask] = {}  # by the generator of their events
        self._waiting: deque[RemoteTask] = deque()

    @property
    def _ray(self) -> Any:
        self._connected()
        return self._library

    @property
    def logs(self) -> Path:
        """Folder of Ray's own logs."""
        return Path(self._connected().address_info["session_dir"]) / "logs"

    @property
    def cpus(self) -> int:
        """CPUs of the cluster as it is now."""
        return int(self._ray.cluster_resources().get("CPU", 0))

    @property
    def nodes(self) -> int:
        """Nodes of the cluster as it is now."""
        return sum(node["Alive"] for node in self._ray.nodes())

    def prepare(self, tasks: int, subject: Subject) -> None:
        """As `Engine` says, as soon as there is a connection."""
        self._background.submit(self._preload, tasks, subject)

    def _preload(self, tasks: int, subject: Subject) -> None:
        ray = self._library
        if ray.is_initialized():  # else there is no cluster, which is reported later
            loading = ray.remote(num_cpus=1, max_retries=0)(prepare_worker)
            for _ in range(min(tasks, int(ray.cluster_resources().get("CPU", 0)))):
                loading.remote(subject)

    def introduction(self) -> str:
        """As `Engine` says."""
        return f"Ray: {self.cpus} CPUs, nodes: {self.nodes}; its logs: {self.logs}"

    @property
    def workers(self) -> int:
        """For how many workers to stack: two a CPU where slow nodes could be waited for."""
        return self._limit or max(1, self.cpus * (1 if self.nodes == 1 else 2))

    def __call__(
        self, tasks: Sequence[Task], subject: Subject, data: Data, stopping: Callable[[], bool]
    ) -> Iterator[TaskEvent]:
        """As `Engine` says."""
        ray = self._ray
        here = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
            ray.get_runtime_context().get_node_id(), soft=False
        )  # the signal must not be lost with another node
        stop = ray.remote(num_cpus=0, max_concurrency=WAITERS, scheduling_strategy=here)(
            StopSignal
        ).remote()
        payload, digest = pack_data(data)
        common = (ray.put(payload), WorkerConfig(subject, digest, versions(), self._pause), stop)
        self._waiting = deque(RemoteTask(task, task) for task in tasks)
        try:
            while (self._waiting or self._sent) and not stopping():
                self._send(common)
                yield from self._receive(POLL)
            yield from self._stop_tasks(stop)
        finally:
            for stream in self._sent:
                ray.cancel(stream, force=True)
            self._sent.clear()
            ray.kill(stop)
            if stopping():  # it takes a second, while results are still delivered
                self._background.submit(ray.shutdown)

    def _send(self, common: tuple[Any, ...]) -> None:
        room = (self._limit or max(FEWEST_TASKS, TASKS_PER_CPU * self.cpus)) if self._waiting else 0
        while self._waiting and len(self._sent) < room:
            sent = self._waiting.popleft()
            self._sent[self._work.remote(sent.left, *common)] = sent

    def _receive(self, seconds: float) -> Iterator[TaskEvent]:
        """Pass on what has come; waits so long for it."""
        streams = list(self._sent)
        ready, _ = self._ray.wait(streams, timeout=seconds)
        if ready and len(streams) > 1:
            ready, _ = self._ray.wait(streams, num_returns=len(streams), timeout=0)
        for stream in ready:
            for event in self._next(stream):
                yield from self._take(stream, event)

    def _next(self, stream: Any) -> list[WorkerEvent]:
        exceptions = self._ray.exceptions
        try:
            events: list[WorkerEvent] = self._ray.get(next(stream))
            self._sent[stream].started = True  # before it there is nothing to save
        except StopIteration:
            del self._sent[stream]  # it stopped, as asked
            return []
        except exceptions.RayTaskError as error:
            raise UserError(
                "every node of the cluster must have the harness and its dependencies",
                _brief(error),
                "Install the same packages there as here; Ray's logs have details.",
            ) from None
        except exceptions.RayError as error:
            return [TaskDone(f"its worker was lost: {_brief(error)}")]
        return events

    def _take(self, stream: Any, event: WorkerEvent) -> Iterator[TaskEvent]:
        if isinstance(event, UserError):
            raise event
        sent = self._sent[stream]
        if isinstance(event, Checkpoint):
            sent.left, sent.tries = sent.task.after(event), 0
        if isinstance(event, TaskDone):
            del self._sent[stream]
            if event.failure and sent.tries + 1 < TRIES:
                self._waiting.appendleft(RemoteTask(sent.task, sent.left, sent.tries + 1))
                return
        yield sent.task, event

    def _stop_tasks(self, stop: Any) -> Iterator[TaskEvent]:
        """Have every started task send a checkpoint, and pass on what it sends until then."""
        stop.set.remote()
        deadline = time.monotonic() + STOP_TIMEOUT
        for stream in [stream for stream, sent in self._sent.items() if not sent.started]:
            self._ray.cancel(stream)
            del self._sent[stream]
        while self._sent and (left := deadline - time.monotonic()) > 0:
            yield from self._receive(left)


@contextmanager
def cluster(
    address: str | None, workers: int | None, pause: float = CHECKPOINT_SECONDS
) -> Iterator[RayEngine]:
    """An engine on a running cluster, or on one of this machine that ends with the block.

    Args:
        address: "auto" or HOST:PORT of the cluster; None takes RAY_ADDRESS, or where that is not
            set, starts one that only this machine reaches.
        workers: CPUs of the cluster to start, or how many tasks to run at a time at most.
        pause: seconds between two checkpoints of a task.

    Raises:
        UserError: there is no Ray, or no such cluster.
    """
    address = address or os.environ.get("RAY_ADDRESS")
    ray = _import_ray(local=address is None)
    ray._private.worker.print_to_stdstream = _silent  # there is no setting for it
    before = signal.getsignal(signal.SIGTERM)
    with ThreadPoolExecutor(1) as background:
        connecting = background.submit(_connect, ray, address, workers)

        @cache
        def connected() -> Any:
            context = connecting.result()
            signal.signal(signal.SIGTERM, before)  # Ray's own would fill the terminal
            return context

        try:
            if address:  # answers at once; one of this machine takes seconds to start
                connected()
            yield RayEngine(ray, background, connected, workers, pause)
        finally:
            background.submit(ray.shutdown).result()


def _import_ray(*, local: bool) -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if local:  # Ray reads it when it is imported; without it, Ray listens on all interfaces
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    else:  # a cluster that is there answers at once; Ray would try for five minutes
        os.environ.setdefault("RAY_NUM_REDIS_GET_RETRIES", "1")
    try:
        return import_module("ray")
    except ImportError:
        raise UserError(
            "the Ray engine needs Ray", "an environment without it",
            "Install it: pip install 'ablation-harness[ray]' (from a clone: pip install '.[ray]').",
        ) from None  # fmt: skip


def _connect(ray: Any, address: str | None, workers: int | None) -> Any:
    quiet = {"logging_level": logging.ERROR, "log_to_driver": False}
    try:
        if address is None:
            # In this thread, for the processes of Ray: a terminal that closes would end them.
            signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGHUP,))
            return ray.init("local", num_cpus=workers, include_dashboard=False, **quiet)
        if "://" in address:
            raise ValueError("an address of the Ray client, which cannot follow a study")
        if address != "auto":
            host, _, port = address.rpartition(":")
            socket.create_connection((host, int(port)), timeout=CONNECT_TIMEOUT).close()
        return ray.init(address, **quiet)
    except (OSError, RuntimeError, ValueError) as error:
        raise UserError(
            "the Ray cluster must answer", f"{address or 'local'}: {_brief(error)}",
            "Run this on a node of the cluster, with --address auto or HOST:PORT, and with "
            "RAY_AUTH_MODE=token if the cluster requires a token.",
        ) from None  # fmt: skip


def _silent(data: object, ignore_prefix: bool) -> None:
    """Takes the place of what prints Ray's reports on the terminal; its logs have them too."""


def _brief(error: Exception) -> str:
    """An error in one line; of a long one with a traceback only what it ends in."""
    text = str(error).strip()
    return text.splitlines()[-1].strip() if "Traceback" in text else " ".join(text.split())
