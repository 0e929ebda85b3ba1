"""The memory of a study's processes does not grow with time."""

import shutil
from pathlib import Path

import pytest

from tests.support.growth import growth, sample_memory
from tests.support.small_study import write_study


@pytest.mark.service
@pytest.mark.timeout(900)
def test_memory_stays_flat_however_long_and_however_many_runs(
    template: Path, tmp_path: Path
) -> None:
    folder = write_study(tmp_path, steps=6000, seeds=60)
    shutil.copy(template, folder / "mlflow.db")
    samples = sample_memory(folder)
    assert growth(samples, "worker") < 1.05
    assert growth(samples, "coordinator") < 1.05
