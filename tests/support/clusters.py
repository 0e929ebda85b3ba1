"""Ray clusters of this machine for tests: nodes started and stopped, and studies run on them."""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from harness.engines import Engine, Task, TaskEvent
from harness.flow import SessionSummary, run_study
from harness.store.location import folder_of
from harness.store.store import Store
from harness.store.tracker import Tracker
from harness.store.uri import sqlite_uri
from harness.store.workspace import Workspace
from harness.study.plan import expand
from harness.study.request import Plan
from harness.study.study import Study
from harness.subjects.corpus import Corpus
from harness.subjects.subject import Data, Subject
from harness.training.records import Checkpoint, Record
from tests.support.processes import descendants

STEPS = 20_000  # some seconds of training
NODE = (  # `ray start`, but with the loopback address where it would look for this machine's own
    "from ray._private import services; "
    "services.node_ip_address_from_perspective = lambda *_: '127.0.0.1'; "
    "from ray.scripts.scripts import main; main()"
)
SAME = (
    *("run_key", "variant", "outcome", "minibatches"),
    *("subject", "version", "versions", "data_digest"),
)


@dataclass
class Nodes:
    """Nodes of one cluster, each a session of processes."""

    folder: Path
    address: str = ""
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def head(self, cpus: int) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.address = f"127.0.0.1:{port}"
        self._start(
            f"--head --port={port} --num-cpus={cpus} --include-dashboard=false "
            f"--temp-dir={self.folder}"
        )

    def join(self, cpus: int) -> subprocess.Popen[bytes]:
        return self._start(f"--address={self.address} --num-cpus={cpus}")

    def _start(self, options: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", NODE, "start", "--block", "--disable-usage-stats"]
        environment = {**os.environ, "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "1"}
        log = self.folder / f"node-{len(self.running)}.log"
        with log.open("wb") as output:
            node = subprocess.Popen(
                [*command, *options.split()],
                stdout=output,
                stderr=output,
                env=environment,
                start_new_session=True,
            )
        self.running.append(node)
        wait_until(lambda: "Ray runtime started" in log.read_text() or node.poll() is not None, 60)
        assert node.poll() is None, log.read_text()
        return node


def kill(node: subprocess.Popen[bytes]) -> None:
    """Kill every process of a node at once."""
    if node.poll() is None:
        for process in _session(node.pid):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        node.wait()


def wait_until(true: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.05)


class EventLog:
    """Keeps what comes of each task, and calls back after each event.

    Attributes:
        checkpoints: step of the last checkpoint by task.
        at_kill: the same when a node was killed.
        seen: what was measured, by run and step.
        repeated: steps that were trained again, by task.
        names: of all tasks, in their order.
        current: name of the task of the last event.
    """

    def __init__(self, then: Callable[["EventLog"], None] = lambda _: None) -> None:
        self.checkpoints: dict[str, int] = {}
        self.at_kill: dict[str, int] = {}
        self.seen: set[tuple[object, ...]] = set()
        self.repeated: dict[str, set[int]] = defaultdict(set)
        self.names: list[str] = []
        self.current = ""
        self._then = then

    def plan(self, tasks: Sequence[Task]) -> None:
        assert tasks
        self.names = [task.name for task in tasks]

    def follow(self, task: Task, event: object) -> None:
        self.current = task.name
        if isinstance(event, Checkpoint):
            self.checkpoints[task.name] = event.step
        if isinstance(event, Record):
            measured = (event.key, event.step, *event.values.items())
            if measured in self.seen:
                self.repeated[task.name].add(event.step)
            self.seen.add(measured)
        self._then(self)


def study(steps: int = STEPS) -> Study:
    return Study.model_validate(
        {
            "name": "small",
            "question": "?",
            "seeds": 3,
            "fixed": {"steps": steps, "depth": 2, "width": 20},
            "factors": {"norm": ["none", "batch"], "lr": [0.1, 1e6]},
            "baseline": {"norm": "batch", "lr": 0.1},
        }
    )


def run(
    folder: Path, corpus: Corpus, engine: Engine, watch: EventLog, definition: Study
) -> SessionSummary:
    """Train a study into a new store in a new folder."""
    folder.mkdir()
    plan = Plan(definition, corpus, expand(definition, corpus.digest))
    uri, facts = sqlite_uri(folder / "mlflow.db"), corpus.facts(plan.runs[0].fields)
    with Tracker.open(Store.open(uri), definition, facts, plan.runs, session="test") as tracker:
        workspace = Workspace.of(definition.name, uri)
        return run_study(plan, tracker, workspace, engine, watch, lambda: False)


class WithWorkers:
    """An engine that asks for the stacks of so many workers, whatever its own number."""

    def __init__(self, engine: Engine, workers: int) -> None:
        self._engine, self.workers = engine, workers
        self.prepare, self.introduction = engine.prepare, engine.introduction

    def __call__(
        self, tasks: Sequence[Task], subject: Subject, data: Data, stopping: Callable[[], bool]
    ) -> Iterator[TaskEvent]:
        """As `Engine` says."""
        return self._engine(tasks, subject, data, stopping)


def stored(folder: Path) -> dict[str, object]:
    """All that a store holds of a study's runs, by run key; times count from the run's start."""
    with closing(sqlite3.connect(folder / "mlflow.db")) as database:
        tags: dict[str, dict[str, str]] = defaultdict(dict)
        for run_id, name, value in database.execute("SELECT run_uuid, key, value FROM tags"):
            tags[run_id][name] = value
        found: dict[str, object] = {}
        for run_id, start, status, uri in database.execute(
            "SELECT run_uuid, start_time, status, artifact_uri FROM runs"
        ):
            if tags[run_id]["ablate.kind"] != "run":
                continue
            metrics = database.execute(
                "SELECT key, timestamp - ?, step, value, is_nan FROM metrics WHERE run_uuid = ?",
                (start, run_id),
            ).fetchall()
            params = database.execute(
                "SELECT key, value FROM params WHERE run_uuid = ?", (run_id,)
            ).fetchall()
            same = {name: tags[run_id].get(name) for name in SAME}
            key = tags[run_id]["run_key"]
            assert key not in found
            found[key] = status, same, sorted(metrics), sorted(params), contents(folder_of(uri))
    return found


def measured(database: Path) -> int:
    with closing(sqlite3.connect(database)) as store:
        (count,) = store.execute("SELECT count(*) FROM metrics").fetchone()
    return int(count)


def contents(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(f.relative_to(folder)): sha256(f.read_bytes()).hexdigest() for f in files}


def listening() -> set[str]:
    """Addresses on which this process's descendants listen."""
    ours = set()
    for process in descendants():
        with suppress(PermissionError, FileNotFoundError):  # another user's, or ended since
            ours |= {os.readlink(handle) for handle in Path(f"/proc/{process}/fd").iterdir()}
    hosts = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            place, state, inode = (line.split()[column] for column in (1, 3, 9))
            if state == "0A" and f"socket:[{inode}]" in ours:
                last = bytes.fromhex(place.partition(":")[0])[-4:]  # of IPv6 the mapped IPv4
                hosts.add(".".join(str(byte) for byte in reversed(last)))
    return hosts


def _session(leader: int) -> list[int]:
    """Processes of the session that this one leads."""
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(ProcessLookupError, ValueError):
            if os.getsid(int(entry.name)) == os.getsid(leader):
                found.append(int(entry.name))
    return found
