"""A report that was killed at any moment is completed by the same command."""

import os
import random
import shutil
import signal
import time
from pathlib import Path

import pytest

from tests.support.inprocess import run_undisturbed
from tests.support.small_study import NAME, command, run, start, write_study

pytestmark = [pytest.mark.service, pytest.mark.timeout(600)]

KILLS = 2  # each at a random moment of its own half of the time
REPORT = ["report", f"{NAME}.toml", "--data", "words.txt", "--format", "svg"]


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder; a write that was killed may leave a hidden part of one."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }


def test_a_killed_report_is_completed_by_the_next(template: Path, tmp_path: Path) -> None:
    folder, draw = write_study(tmp_path, 200), random.Random(3)  # noqa: S311 - no secret
    shutil.copy(template, folder / "mlflow.db")
    run_undisturbed(folder, *command())
    began = time.monotonic()
    code, output = run(folder, REPORT)
    assert code == 0, output
    seconds, report = time.monotonic() - began, folder / "reports" / NAME
    undisturbed = contents(report)
    kills = 0
    for part in range(KILLS):
        shutil.rmtree(report, ignore_errors=True)
        process = start(folder, REPORT)
        time.sleep(seconds * (0.3 + 0.7 * (part + draw.random()) / KILLS))
        if process.poll() is None:  # its number is still its own
            os.killpg(process.pid, signal.SIGKILL)
            kills += 1
        process.communicate()
        assert run(folder, REPORT)[0] == 0
        assert contents(report) == undisturbed
    assert kills
