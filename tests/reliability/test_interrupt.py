"""Ctrl-C and SIGTERM: everything saved, exit code 130 within 5 seconds, and how to go on."""

import os
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from harness.interrupt import GO_ON, LEFT
from tests.reliability.small import NAME, command, furnish, run, start, workers
from tests.tracking.small import picture

pytestmark = [pytest.mark.service, pytest.mark.timeout(900)]

STEPS = 8_000


@pytest.fixture(scope="module")
def expected(template: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The store of an undisturbed study."""
    place = furnished(tmp_path_factory.mktemp("undisturbed"), template)
    code, output = run(place)
    assert code == 0, output
    return picture(f"sqlite:///{place}/mlflow.db", NAME)


def furnished(place: Path, template: Path) -> Path:
    furnish(place, STEPS)
    shutil.copy(template, place / "mlflow.db")
    return place


def wait_for_workers(process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 120
    while not workers(process.pid) and process.poll() is None and time.monotonic() < end:
        time.sleep(0.05)


def wait_until_it_listens(pid: int) -> None:
    """Wait until the process handles SIGTERM, as it does once Python has started."""
    caught = 0
    while not caught >> (signal.SIGTERM - 1) & 1:
        (line,) = [
            line
            for line in Path(f"/proc/{pid}/status").read_text().splitlines()
            if line.startswith("SigCgt")
        ]
        caught = int(line.split()[1], 16)


def interrupted(process: subprocess.Popen[str], number: signal.Signals, group: bool) -> str:
    """What a process says to a signal, sent to it alone or, as by a terminal, to its group.

    Nothing, if the signal came when all runs had ended.
    """
    began = time.monotonic()
    (os.killpg if group else os.kill)(process.pid, number)
    output, _ = process.communicate(timeout=60)
    assert time.monotonic() - began < 5
    assert "Traceback" not in output
    if "all 8 runs have ended" in output:  # Python, when it leaves, ends by the signal itself
        return ""
    assert process.returncode == 130, output
    assert output.endswith((f"{GO_ON}\n", f"{LEFT}\n"))
    return output


@pytest.mark.parametrize(
    ("number", "group"), [(signal.SIGINT, True), (signal.SIGTERM, False)], ids=["ctrl-c", "term"]
)
def test_an_interrupted_study_says_how_to_go_on_and_does(
    template: Path, tmp_path: Path, expected: dict[str, Any], number: signal.Signals, group: bool
) -> None:
    place, draw = furnished(tmp_path, template), random.Random(1)  # noqa: S311 - no secret
    struck = 0
    for _ in range(3):
        process = start(place, hurry=30.0)
        wait_for_workers(process)
        time.sleep(draw.random() * 6)
        if process.poll() is not None:
            process.communicate()
            break
        if not (said := interrupted(process, number, group)):
            break
        struck += 1
        assert said.endswith(f"{GO_ON}\n")
        assert statuses(place).isdisjoint({"RUNNING"})
        assert not workers(process.pid)
    assert struck
    code, output = run(place)
    assert code == 0, output
    assert picture(f"sqlite:///{place}/mlflow.db", NAME) == expected
    assert not (place / ".ablate" / "kept").exists()


def statuses(place: Path) -> set[str]:
    with closing(sqlite3.connect(place / "mlflow.db")) as database:
        return {status for (status,) in database.execute("SELECT status FROM runs")}


def test_interrupted_while_it_is_loading_it_leaves_at_once(template: Path, tmp_path: Path) -> None:
    place = furnished(tmp_path, template)
    for delay in (0.0, 1.0, 3.0):
        process = start(place)
        wait_until_it_listens(process.pid)
        time.sleep(delay)
        interrupted(process, signal.SIGINT, group=True)
    assert not (place / "mlartifacts").exists() or statuses(place) <= {"KILLED"}


def test_a_server_that_hangs_does_not_hold_an_interrupted_study_up(tmp_path: Path) -> None:
    """The server takes connections and never answers."""
    furnish(tmp_path, STEPS)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        uri = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        process = start(tmp_path, ["--tracking-uri", uri, *command()])
        connection, _ = deaf.accept()
        with connection:
            interrupted(process, signal.SIGINT, group=True)
    assert not (tmp_path / ".ablate").exists()


def test_a_parent_run_shows_that_its_study_was_interrupted(template: Path, tmp_path: Path) -> None:
    place = furnished(tmp_path, template)
    process = start(place)
    wait_for_workers(process)
    interrupted(process, signal.SIGTERM, group=False)
    client = MlflowClient(f"sqlite:///{place}/mlflow.db")
    (experiment,) = client.search_experiments(filter_string=f"name = '{NAME}'")
    (parent,) = client.search_runs([experiment.experiment_id], "tags.`ablate.kind` = 'study'")
    assert parent.info.status == "KILLED"
    assert parent.data.tags["progress"] == "0 of 8 runs"
