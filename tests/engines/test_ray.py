"""Studies on real Ray clusters of this machine: the same numbers, whatever dies or joins.

Every program started here listens on the loopback interface only, and is stopped by its id.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from harness.cli.signals import CONTINUE
from harness.engines import Task
from harness.engines.local import LocalEngine
from harness.engines.ray import cluster
from harness.errors import UserError
from harness.study.plan import Stack, expand
from harness.subjects.char_mlp import SUBJECT
from harness.subjects.corpus import Corpus
from harness.training.records import Record
from tests.support.clusters import EventLog, Nodes, WithWorkers, kill, listening, run, stored, study
from tests.support.processes import command_line, descendants
from tests.support.small_study import checkpoints, command, start, wait_for_checkpoint, write_study
from tests.support.small_study import run as run_command

pytestmark = [
    pytest.mark.service,
    pytest.mark.timeout(600),
    pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed"),
]

PAUSE = 0.3  # seconds between two checkpoints
LONG = 50_000  # steps, so that tasks of both nodes have checkpoints before one ends
ABLATE = (sys.executable, "-c", "from harness.cli import main; main()")
WITHOUT_RAY = "import sys; sys.modules['ray'] = None; from harness.cli import main; main()"


@pytest.fixture(autouse=True)
def private(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clusters on the loopback address, with a token, whatever this machine has otherwise."""
    monkeypatch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN", "5" * 64)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)


@pytest.fixture
def nodes() -> Iterator[Nodes]:
    with tempfile.TemporaryDirectory(prefix="ray-") as folder:  # short: Ray puts sockets into it
        started = Nodes(Path(folder))
        try:
            yield started
        finally:
            for node in started.running:
                kill(node)


def test_a_killed_node_costs_the_work_since_the_last_checkpoint_and_changes_nothing(
    nodes: Nodes, tmp_path: Path, tiny: Corpus, capfd: pytest.CaptureFixture[str]
) -> None:
    nodes.head(cpus=1)
    victim = nodes.join(cpus=1)

    def kill_node(log: EventLog) -> None:
        if len(log.checkpoints) == 2 and victim.poll() is None:  # one of each node
            log.at_kill = dict(log.checkpoints)
            kill(victim)

    log = EventLog(kill_node)
    with cluster(nodes.address, None, PAUSE) as engine:
        assert (engine.cpus, engine.nodes, engine.workers) == (2, 2, 4)
        tally = run(tmp_path / "ray", tiny, engine, log, study(LONG))
    assert victim.poll() is not None
    assert not tally.failed
    assert len(tally.trained) == 12
    assert len(log.repeated) <= 1  # the other node's task was not disturbed
    for task, steps in log.repeated.items():
        assert min(steps) + 1 >= log.at_kill.get(task, 0)  # it may not have had one yet
    assert "raylet" not in "".join(capfd.readouterr())

    run(tmp_path / "local", tiny, LocalEngine(1), EventLog(), study(LONG))
    assert stored(tmp_path / "ray") == stored(tmp_path / "local")
    assert len(stored(tmp_path / "local")) == 12


def test_prepared_workers_have_loaded_what_training_needs_and_no_more_run_than_there_are_cpus(
    tiny: Corpus,
) -> None:
    import ray

    runs = expand(study(2_000), tiny.digest)[:3]
    tasks = [Task(run.key, Stack((run,))) for run in runs]
    with cluster(None, 1) as engine:
        engine.prepare(5, SUBJECT)
        assert engine.cpus == 1
        engine._background.submit(lambda: None).result()  # the one before it has been sent
        loaded = ray.remote(num_cpus=1)(lambda: "torch" in sys.modules)
        assert ray.get(loaded.remote())
        seen = [task.name for task, _ in engine(tasks, SUBJECT, tiny, lambda: False)]
    assert seen == sorted(seen, key=[run.key for run in runs].index)  # one after the other


def test_a_node_that_joins_is_used(nodes: Nodes, tiny: Corpus) -> None:
    nodes.head(cpus=0)
    with cluster(nodes.address, None) as engine:
        assert engine.workers == 1
        tasks = [Task("all", Stack(tuple(expand(study(100), tiny.digest)[:2])))]
        events = engine(tasks, SUBJECT, tiny, lambda: False)
        nodes.join(cpus=1)
        assert sum(isinstance(event, Record) for _, event in events) > 0
        assert engine.cpus == 1


def test_a_worker_that_dies_repeatedly_fails_its_runs_only(tmp_path: Path, tiny: Corpus) -> None:
    killed: list[int] = []

    def kill_worker(log: EventLog) -> None:
        if log.current != log.names[0]:
            return  # the others' workers live
        for process in descendants():
            if b"ray::work" in command_line(process):
                os.kill(process, signal.SIGKILL)
                killed.append(process)

    with cluster(None, 1) as engine:
        tally = run(tmp_path / "ray", tiny, engine, EventLog(kill_worker), study(50_000))
    assert killed
    assert len(tally.failed) == 12 - len(tally.trained) > 0
    assert tally.trained
    assert all("its worker was lost" in why for why in tally.failed.values())


def test_all_listen_on_loopback_and_get_the_local_engines_numbers(
    tmp_path: Path, tiny: Corpus
) -> None:
    with cluster(None, 2) as engine:
        assert (engine.cpus, engine.nodes, engine.workers) == (2, 1, 2)
        assert engine.logs.is_dir()
        assert listening() == {"127.0.0.1"}
        for parts in (1, 5):  # other stacks, the same numbers
            split = WithWorkers(engine, parts)
            run(tmp_path / f"ray {parts}", tiny, split, EventLog(), study(300))
    run(tmp_path / "local", tiny, LocalEngine(1), EventLog(), study(300))
    for parts in (1, 5):
        assert stored(tmp_path / f"ray {parts}") == stored(tmp_path / "local")


def test_other_versions_on_a_node_are_refused_before_training(
    tmp_path: Path, tiny: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "elsewhere" / "torch-9.9.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: torch\nVersion: 9.9\n")
    monkeypatch.setenv("PYTHONPATH", str(other.parent))
    log = EventLog()
    with (
        cluster(None, 1) as engine,
        pytest.raises(UserError, match=r"torch 9\.9 on node .*, 2\.\S+ where the study is run"),
    ):
        run(tmp_path / "ray", tiny, engine, log, study(100))
    assert not log.seen


@pytest.mark.parametrize(
    ("address", "why"),
    [("127.0.0.1:1", "Connection refused"), ("ray://127.0.0.1:1", "the Ray client")],
)
def test_a_missing_cluster_is_a_users_mistake(address: str, why: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [*ABLATE, "run", "smoke", "--engine", "ray", "--address", address],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: the Ray cluster must answer; received ")
    assert why in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "mlflow.db").exists()


def test_without_ray_the_extra_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WITHOUT_RAY, "run", "smoke", "--engine", "ray"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == (
        "error: the Ray engine needs Ray; received an environment without it. Install it: "
        "pip install 'ablation-harness[ray]' (from a clone: pip install '.[ray]').\n"
    )
    assert not (tmp_path / "mlflow.db").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_saves_all_in_time_and_another_engine_continues(
    number: signal.Signals, tmp_path: Path
) -> None:
    write_study(tmp_path, steps=400_000)
    # The next checkpoint is due when this is over: one that comes before it is the interrupt's.
    first = start(tmp_path, command("--engine", "ray"), checkpoint_seconds=4.0)
    wait_for_checkpoint(first, tmp_path)
    time.sleep(1)  # the other worker's comes a moment later
    before, began = checkpoints(tmp_path), time.monotonic()
    if number == signal.SIGINT:
        os.killpg(first.pid, number)  # as a terminal does
    else:
        first.send_signal(number)
    output, _ = first.communicate()
    assert first.returncode == 130, output
    assert time.monotonic() - began < 5
    assert output.splitlines()[-1] == CONTINUE
    assert checkpoints(tmp_path) - before
    code, output = run_command(tmp_path)  # by the local engine
    assert code == 0, output
    assert "all 8 runs have ended" in output
