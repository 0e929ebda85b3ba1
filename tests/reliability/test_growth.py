"""Long runs do not grow."""

import shutil
from pathlib import Path

import pytest

from tests.reliability.growth import watch
from tests.reliability.small import furnish


@pytest.mark.service
@pytest.mark.timeout(900)
def test_memory_stays_flat_however_long_and_however_many(template: Path, tmp_path: Path) -> None:
    place = furnish(tmp_path, steps=6000, seeds=60)
    shutil.copy(template, place / "mlflow.db")
    growth = watch(place)
    assert growth.ratio(growth.workers) < 1.05
    assert growth.ratio(growth.coordinator) < 1.05
