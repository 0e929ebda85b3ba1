"""The memory of a study's processes does not grow with time."""

import shutil
from pathlib import Path

import pytest

from tests.support.growth import sample_memory
from tests.support.small_study import write_study


@pytest.mark.service
@pytest.mark.timeout(900)
def test_memory_stays_flat_however_long_and_however_many_runs(
    template: Path, tmp_path: Path
) -> None:
    # So many seeds that loading libraries ends within the first third.
    folder = write_study(tmp_path, steps=6000, seeds=120)
    shutil.copy(template, folder / "mlflow.db")
    growth = sample_memory(folder)
    assert growth.ratio(growth.workers) < 1.05
    assert growth.ratio(growth.coordinator) < 1.05
