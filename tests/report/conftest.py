"""Reports built once, for the tests that only look at them."""

from pathlib import Path

import pytest

from harness.analysis.frames import StudyData
from harness.report import build
from tests.report.made_up import CORE, FOUR_FACTORS, ONE_FACTOR, RATES, SWITCH, made_up

SHAPES = {
    "core": lambda: made_up(CORE),
    "one factor": lambda: made_up(ONE_FACTOR),
    "four factors": lambda: made_up(FOUR_FACTORS, seeds=2),
    "one seed": lambda: made_up(SWITCH, seeds=1),
    "some diverged": lambda: made_up(RATES, diverging=0.3),
    "all diverged": lambda: made_up(ONE_FACTOR, diverging=1.0),
    "some lost": lambda: made_up(RATES, lost=4),
    "bool and numbers": lambda: made_up(SWITCH),
}


@pytest.fixture(scope="session")
def core() -> StudyData:
    return made_up(CORE)


@pytest.fixture(scope="session")
def core_report(core: StudyData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(core, tmp_path_factory.mktemp("core")).folder


@pytest.fixture(scope="session", params=list(SHAPES))
def any_report(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(SHAPES[request.param](), tmp_path_factory.mktemp("shape"), ("png",)).folder
