"""Ctrl-C, SIGTERM, SIGHUP: all is saved, exit code 130 within 5 seconds, and how to continue."""

import os
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from harness.cli.signals import CONTINUE, CUT_OFF
from tests.support.inprocess import run_undisturbed
from tests.support.kills import store, workspace
from tests.support.small_study import NAME, ROOT, command, run, start, workers, write_study
from tests.support.stores import picture

pytestmark = [pytest.mark.service, pytest.mark.timeout(900)]

STEPS = 8_000


@pytest.fixture(scope="module")
def expected(template: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The store of an undisturbed study."""
    folder = create(tmp_path_factory.mktemp("undisturbed"), template)
    run_undisturbed(folder, *command())
    return picture(store(folder), NAME)


def create(folder: Path, template: Path) -> Path:
    """A folder with the study and an empty store."""
    write_study(folder, STEPS)
    shutil.copy(template, folder / "mlflow.db")
    return folder


def wait_for_session(process: subprocess.Popen[Any], folder: Path) -> None:
    """Wait until the process has opened the store and its study there: training starts then."""
    end = time.monotonic() + 120
    while "RUNNING" not in statuses(folder) and process.poll() is None and time.monotonic() < end:
        time.sleep(0.02)


def wait_for_signal_handler(pid: int) -> None:
    """Wait until the process handles SIGTERM, as it does once Python has started."""
    caught = 0
    while not caught >> (signal.SIGTERM - 1) & 1:
        (line,) = [
            line
            for line in Path(f"/proc/{pid}/status").read_text().splitlines()
            if line.startswith("SigCgt")
        ]
        caught = int(line.split()[1], 16)


def interrupt(process: subprocess.Popen[str], number: signal.Signals, group: bool) -> str:
    """Send a signal to a process alone or, as a terminal does, to its group; returns the output.

    Returns "" if the signal came when all runs had ended.
    """
    began = time.monotonic()
    (os.killpg if group else os.kill)(process.pid, number)
    output, _ = process.communicate(timeout=60)
    assert time.monotonic() - began < 5
    assert "Traceback" not in output
    if "all 8 runs have ended" in output:  # Python, when it exits, ends by the signal itself
        return ""
    assert process.returncode == 130, output
    assert output.endswith((f"{CONTINUE}\n", f"{CUT_OFF}\n"))
    return output


@pytest.mark.parametrize(
    ("number", "group"), [(signal.SIGINT, True), (signal.SIGTERM, False)], ids=["ctrl-c", "term"]
)
def test_an_interrupted_study_says_how_to_continue_and_does(
    template: Path, tmp_path: Path, expected: dict[str, Any], number: signal.Signals, group: bool
) -> None:
    folder, draw = create(tmp_path, template), random.Random(1)  # noqa: S311 - no secret
    interrupts = 0
    for _ in range(2):
        process = start(folder, checkpoint_seconds=30.0)
        wait_for_session(process, folder)
        time.sleep(draw.random() * 6)
        if process.poll() is not None:
            process.communicate()
            break
        if not (output := interrupt(process, number, group)):
            break
        interrupts += 1
        assert output.endswith(f"{CONTINUE}\n")
        assert statuses(folder).isdisjoint({"RUNNING"})
        assert not workers(process.pid)
    assert interrupts
    code, output = run(folder)
    assert code == 0, output
    assert picture(store(folder), NAME) == expected
    assert not workspace(folder).exists()


def test_a_study_whose_terminal_closes_saves_all(template: Path, tmp_path: Path) -> None:
    """The kernel sends SIGHUP to all of its processes, and takes no more output."""
    folder = write_study(create(tmp_path, template), 100_000)
    terminal, leader = os.openpty()
    process = subprocess.Popen(
        ["setsid", "--ctty", "--wait", sys.executable, "-m", "tests.support.hurried",
         "30", "60", *command()],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=leader, stdout=leader, stderr=leader,
    )  # fmt: skip
    os.close(leader)
    wait_for_session(process, folder)
    time.sleep(1)
    began = time.monotonic()
    os.close(terminal)
    assert process.wait(timeout=60) == 130
    assert time.monotonic() - began < 5
    assert statuses(folder).isdisjoint({"RUNNING"})
    assert list(workspace(folder).glob("checkpoints/*"))


def statuses(folder: Path) -> set[str]:
    with closing(sqlite3.connect(folder / "mlflow.db")) as database:
        return {status for (status,) in database.execute("SELECT status FROM runs")}


def test_interrupted_while_it_is_loading_it_exits_at_once_and_continues(
    template: Path, tmp_path: Path, expected: dict[str, Any]
) -> None:
    folder = create(tmp_path, template)
    for delay in (0.0, 1.0, 3.0):
        process = start(folder)
        wait_for_signal_handler(process.pid)
        time.sleep(delay)
        interrupt(process, signal.SIGINT, group=True)
    # On a fast machine it has loaded after 3 s, and the first runs may have ended.
    assert not (folder / "mlartifacts").exists() or "RUNNING" not in statuses(folder)
    code, output = run(folder)
    assert code == 0, output
    assert picture(store(folder), NAME) == expected


def test_a_server_that_hangs_does_not_delay_an_interrupted_study(tmp_path: Path) -> None:
    """The server takes connections and never answers."""
    write_study(tmp_path, STEPS)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        uri = f"http://127.0.0.1:{mute.getsockname()[1]}"
        process = start(tmp_path, ["--tracking-uri", uri, *command()])
        connection, _ = mute.accept()
        with connection:
            interrupt(process, signal.SIGINT, group=True)
    assert not (tmp_path / ".ablate").exists()


def test_the_parent_run_of_an_interrupted_study_is_killed(template: Path, tmp_path: Path) -> None:
    folder = create(tmp_path, template)
    process = start(folder)
    wait_for_session(process, folder)
    interrupt(process, signal.SIGTERM, group=False)
    client = MlflowClient(store(folder))
    (experiment,) = client.search_experiments(filter_string=f"name = '{NAME}'")
    (parent,) = client.search_runs([experiment.experiment_id], "tags.`ablate.kind` = 'study'")
    assert parent.info.status == "KILLED"
    assert parent.data.tags["progress"] == "0 of 8 runs"
