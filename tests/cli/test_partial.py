"""A partial grid on the command line: planned, trained and reported by what it has."""

import shutil
from pathlib import Path

import pytest

import harness.cli.session
from tests.store.conftest import template
from tests.support.inprocess import InlineEngine, ablate

pytestmark = pytest.mark.usefixtures("few_figures")

__all__ = ["template"]

STUDY = """
question = "Does a line need an intercept?"
subject = "tests.support.linear"
seeds = 2
[fixed]
steps = 60
[factors]
intercept = [false, true]
lr = [0.1, 0.3]
batch = [1, 4, 8]
[baseline]
intercept = true
lr = 0.1
batch = 8
[bare]
intercept = false
"""
LEFT_OUT = "[[exclude]]\nintercept = false\nbatch = [1, 4]\n"
ONE = 'design = "one_at_a_time"\n'


@pytest.fixture
def place(tmp_path: Path, template: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with an empty store and an engine without processes."""
    shutil.copy(template, tmp_path / "mlflow.db")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr(harness.cli.session, "LocalEngine", lambda _: InlineEngine())
    return tmp_path


def test_a_partial_grid_is_trained_once_and_grows(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = place / "lines.toml"
    file.write_text(ONE + STUDY)
    _, planned, _ = ablate(capsys, "plan", "lines.toml")
    assert "\n5 variants × 2 seeds = 10 runs, 0 of them ended\n" in planned
    assert "The grid has 5 of 12 combinations of levels. Changing one factor at a time" in planned
    _, ran, _ = ablate(capsys, "run", "lines.toml")
    assert "all 10 runs have ended, 10 of them now." in ran
    code, _, told = ablate(capsys, "compare", "lines.toml", "intercept=false,lr=0.3", "lr=0.3")
    assert code == 2
    assert told == (
        "error: variants to compare must be in the study; received "
        "'intercept=false,lr=0.3', which is left out. The grid has 5 of 12 combinations of levels. "
        "Changing one factor at a time shows nothing about interactions.\n"
    )
    assert ablate(capsys, "compare", "lines.toml", "intercept=false", "lr=0.3")[0] == 0
    file.write_text(STUDY + LEFT_OUT)
    _, ran, _ = ablate(capsys, "run", "lines.toml", "--report")
    assert "all 16 runs have ended, 6 of them now." in ran
    report = (place / "reports" / "lines" / "report.md").read_text("utf-8")
    assert "8 variants × 2 seeds" in report
    assert "The grid has 8 of 12 combinations of levels. Left out: intercept false" in report
    assert "averaged over 2 of 6 combinations of the rest" in report
    file.write_text(STUDY)
    _, ran, _ = ablate(capsys, "run", "lines.toml")
    assert "all 24 runs have ended, 8 of them now." in ran
