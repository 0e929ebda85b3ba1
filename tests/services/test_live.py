"""While a study trains, its curves grow in the store and its parent run shows progress."""

import shutil
import subprocess
import time
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from tests.support.installed import ABLATE
from tests.support.small_study import NAME, command, write_study

pytestmark = [pytest.mark.service, pytest.mark.timeout(300)]

LONGEST = 45.0  # seconds until a curve must have grown, on a busy machine


def test_curves_grow_and_progress_shows_while_a_study_trains(
    template: Path, tmp_path: Path
) -> None:
    write_study(tmp_path, steps=4_000_000)
    shutil.copy(template, tmp_path / "mlflow.db")
    process = subprocess.Popen(
        [ABLATE, *command()], cwd=tmp_path, stdout=subprocess.DEVNULL, process_group=0
    )
    try:
        first = wait_for_more(tmp_path, process, than=-1, seconds=120)
        second = wait_for_more(tmp_path, process, than=first, seconds=LONGEST)
        wait_for_more(tmp_path, process, than=second, seconds=LONGEST)
        assert "of 8 runs" in parent(tmp_path).data.tags["progress"]
        assert parent(tmp_path).info.status == "RUNNING"
        assert process.poll() is None
    finally:
        process.terminate()
        process.wait(60)


def wait_for_more(
    folder: Path, process: "subprocess.Popen[bytes]", than: int, seconds: float
) -> int:
    """Wait until a run in training is beyond that step; returns its step."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        reached = last_step(folder)
        if reached > than:
            return reached
        time.sleep(0.2)
    raise AssertionError(f"no curve went beyond step {than} in {seconds} s")


def stored(folder: Path) -> tuple[MlflowClient, list[Run]]:
    """The store's client, and all runs of the study."""
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    experiment = client.get_experiment_by_name(NAME)
    return client, list(client.search_runs([experiment.experiment_id])) if experiment else []


def parent(folder: Path) -> Run:
    """The study's parent run."""
    (found,) = [run for run in stored(folder)[1] if run.data.tags["ablate.kind"] == "study"]
    return found


def last_step(folder: Path) -> int:
    """The last step of any curve of a run in training."""
    client, runs = stored(folder)
    return max(
        (
            point.step
            for run in runs
            if run.info.status == "RUNNING" and "train/loss" in run.data.metrics
            for point in client.get_metric_history(run.info.run_id, "train/loss")
        ),
        default=-1,
    )
