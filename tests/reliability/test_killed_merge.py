"""A merge that was killed at any moment is completed by the same command."""

import os
import random
import shutil
import signal
import time
from pathlib import Path

import pytest

from tests.support.inprocess import run_undisturbed
from tests.support.kills import store
from tests.support.small_study import NAME, command, run, start, write_study
from tests.support.stores import children, picture

pytestmark = [pytest.mark.service, pytest.mark.timeout(600)]

KILLS = 2
MERGE = ["merge", "../there"]


def test_a_killed_merge_is_completed_by_the_next(template: Path, tmp_path: Path) -> None:
    there, draw = write_study(tmp_path / "there", 200, seeds=4), random.Random(5)  # noqa: S311 - no secret
    shutil.copy(template, there / "mlflow.db")
    run_undisturbed(there, *command())
    kills = half = 0
    for turn in range(KILLS):
        here = tmp_path / f"here {turn}"
        here.mkdir()
        shutil.copy(template, here / "mlflow.db")
        process = start(here, MERGE)
        end = time.monotonic() + 120
        while not list(here.glob("mlartifacts/*/*/trace.parquet")) and time.monotonic() < end:
            time.sleep(0.01)  # until the first run comes
        time.sleep(draw.random() / 2)
        if process.poll() is None:  # its number is still its own
            os.killpg(process.pid, signal.SIGKILL)
            kills += 1
        process.communicate()
        half += 0 < len(children(store(here), NAME)) < 16
        code, output = run(here, MERGE)
        assert code == 0, output
        merged, expected = (picture(store(folder), NAME) for folder in (here, there))
        assert merged.keys() == expected.keys()
        for key, found in merged.items():
            found["tags"].pop("taken_from", None)
            assert found == expected[key]
    assert kills
    assert half
