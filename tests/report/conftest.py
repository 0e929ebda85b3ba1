"""Reports built once, for the tests that only look at them."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from harness.analysis.frames import StudyData
from harness.report import build
from tests.support.made_up import (
    CORE,
    FOUR_FACTORS,
    ONE_AT_A_TIME,
    ONE_FACTOR,
    RATES,
    SOME_LEFT_OUT,
    SWITCH,
    TUNED,
    made_up,
)

HERE = Path(__file__).parent
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
}


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let one process run all tests of a shape, so that its report is built once."""
    for item in items:
        if item.path.parent == HERE and "reports" in getattr(item, "fixturenames", ()):
            values = item.callspec.params if hasattr(item, "callspec") else {}
            shape = values.get("any_report", values.get("shape", "core"))
            item.add_marker(pytest.mark.xdist_group(f"report of {shape}"))


@pytest.fixture(scope="session")
def core() -> StudyData:
    return made_up(CORE)


@pytest.fixture(scope="session")
def reports(core: StudyData, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Builds the report of a shape when it is first asked for."""

    @cache
    def built(shape: str) -> Path:
        data = core if shape == "core" else SHAPES[shape]()
        return build(data, tmp_path_factory.mktemp("report")).parent

    return built


@pytest.fixture(scope="session")
def core_report(reports: Callable[[str], Path]) -> Path:
    return reports("core")


@pytest.fixture(params=list(SHAPES))
def any_report(request: pytest.FixtureRequest, reports: Callable[[str], Path]) -> Path:
    return reports(request.param)
