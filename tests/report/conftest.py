"""Reports built once, for the tests that only look at them."""

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from filelock import FileLock

from harness.analysis.frames import StudyData
from harness.report import build
from harness.report.build import DEFAULT_FORMATS
from harness.report.stamp import STAMP
from tests.support.made_up import (
    CORE,
    FOUR_FACTORS,
    MANY,
    ONE_AT_A_TIME,
    ONE_FACTOR,
    RATES,
    SOME_LEFT_OUT,
    SWITCH,
    TUNED,
    made_up,
)

WITH_PNG = ("core",)  # others are drawn as SVG only, in half the time
SHAPES = {
    "core": lambda: made_up(CORE),
    "one factor": lambda: made_up(ONE_FACTOR),
    "four factors": lambda: made_up(FOUR_FACTORS, seeds=2),
    "one seed": lambda: made_up(SWITCH, seeds=1),
    "some diverged": lambda: made_up(RATES, diverging=0.3),
    "all diverged": lambda: made_up(ONE_FACTOR, diverging=1.0),
    "some lost": lambda: made_up(RATES, lost=4),
    "bool and numbers": lambda: made_up(SWITCH),
    "one at a time": lambda: made_up(ONE_AT_A_TIME),
    "some left out": lambda: made_up(SOME_LEFT_OUT),
    "tuned": lambda: made_up(TUNED),
    "many": lambda: made_up(MANY),
}


@pytest.fixture(scope="session")
def core() -> StudyData:
    return made_up(CORE)


@pytest.fixture(scope="session")
def reports(core: StudyData, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Builds the report of a shape when it is first asked for, once for all test processes."""
    place = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        place = place.parent

    @cache
    def built(shape: str) -> Path:
        folder = place / f"report of {shape}"
        with FileLock(f"{folder}.lock"):
            if not (folder / STAMP).is_file():  # it is written last
                data = core if shape == "core" else SHAPES[shape]()
                build(data, folder, DEFAULT_FORMATS if shape in WITH_PNG else ("svg",))
        return folder

    return built


@pytest.fixture(scope="session")
def core_report(reports: Callable[[str], Path]) -> Path:
    return reports("core")


@pytest.fixture(params=list(SHAPES))
def any_report(request: pytest.FixtureRequest, reports: Callable[[str], Path]) -> Path:
    return reports(request.param)
