"""A report killed at any moment is made whole by the same command."""

import os
import random
import shutil
import signal
import time
from pathlib import Path

import pytest

from tests.reliability.small import NAME, furnish, run, start

pytestmark = [pytest.mark.service, pytest.mark.timeout(600)]

REPORT = ["report", f"{NAME}.toml", "--data", "words.txt"]


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder; a write that was killed may leave a hidden part of one."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }


def test_a_killed_report_is_made_whole_by_the_next(template: Path, tmp_path: Path) -> None:
    place, draw = furnish(tmp_path, 200), random.Random(3)  # noqa: S311 - no secret
    shutil.copy(template, place / "mlflow.db")
    code, output = run(place)
    assert code == 0, output
    began = time.monotonic()
    assert run(place, REPORT)[0] == 0
    seconds, report = time.monotonic() - began, place / "reports" / NAME
    undisturbed = contents(report)
    struck = 0
    for _ in range(6):
        shutil.rmtree(report, ignore_errors=True)
        process = start(place, REPORT)
        time.sleep(seconds * (0.3 + 0.7 * draw.random()))
        if process.poll() is None:  # its number is still its own
            os.killpg(process.pid, signal.SIGKILL)
            struck += 1
        process.communicate()
        assert run(place, REPORT)[0] == 0
        assert contents(report) == undisturbed
    assert struck
