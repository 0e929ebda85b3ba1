"""A run that has ended is never trained again; whatever defines a run makes a new one."""

import shutil
from pathlib import Path
from typing import Any

import pytest

import harness.session
from tests.reliability.inprocess import Inline, ablate
from tests.reliability.small import NAME, STUDY, furnish
from tests.tracking.small import children, picture

RUN = ("run", f"{NAME}.toml", "--data", "words.txt")


@pytest.fixture
def place(tmp_path: Path, template: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, where studies are trained in this process."""
    furnish(tmp_path, steps=60, seeds=1)
    shutil.copy(template, tmp_path / "mlflow.db")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr(harness.session, "LocalEngine", lambda _: Inline())
    return tmp_path


def test_a_second_run_trains_nothing_and_says_so(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said, _ = ablate(capsys, *RUN)
    assert (code, said.splitlines()[-1]) == (0, "all 4 runs have ended, 4 of them now.")
    before = picture(f"sqlite:///{place}/mlflow.db", NAME)
    code, said, _ = ablate(capsys, *RUN, "--workers", "3")
    assert (code, said.splitlines()[-1]) == (
        0, "all 4 runs have ended already; nothing to train."
    )  # fmt: skip
    assert picture(f"sqlite:///{place}/mlflow.db", NAME) == before
    assert not list(place.glob(f".ablate/{NAME}-*"))
    code, said, _ = ablate(capsys, "plan", *RUN[1:])
    rows = {line[:16]: line[16:].split() for line in said.splitlines()}
    assert rows["none, lr 0.1    "][1:] == ["1/1"]
    assert rows["none, lr 100000 "][1:] == ["1/1", "1"]  # the last is of the diverged
    assert said.endswith("nothing to train\n")


def test_workers_are_prepared_for_a_study_that_the_store_lacks_and_no_other(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Preparing(Inline):
        def prepare(self, tasks: int) -> None:
            asked.append(tasks)

    asked: list[int] = []
    assert not (place / ".ablate").exists()
    monkeypatch.setattr(harness.session, "LocalEngine", lambda _: Preparing())
    ablate(capsys, *RUN)
    assert asked == [4]
    ablate(capsys, *RUN)
    assert asked == [4]


def test_more_seeds_and_levels_train_only_what_is_missing(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ablate(capsys, *RUN)
    first = {run.data.tags["run_key"]: run.info.run_id for run in stored(place)}
    _, said, _ = ablate(capsys, *RUN, "--seeds", "2-3")
    assert said.endswith("all 8 runs have ended, 8 of them now.\n")
    wider = STUDY.format(steps=60).replace('["none", "batch"]', '["none", "batch", "layer"]')
    (place / f"{NAME}.toml").write_text(wider.replace("seeds = 2", "seeds = 1"))
    _, said, _ = ablate(capsys, *RUN)
    assert said.endswith("all 6 runs have ended, 2 of them now.\n")
    now = {run.data.tags["run_key"]: run.info.run_id for run in stored(place)}
    assert len(now) == 14
    assert first.items() <= now.items()


def test_what_defines_a_run_makes_new_runs(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ablate(capsys, *RUN)
    (place / "more.txt").write_text((place / "words.txt").read_text() + "zora\n")
    _, said, _ = ablate(capsys, *RUN[:2], "--data", "more.txt")
    assert said.endswith("all 4 runs have ended, 4 of them now.\n")
    other = (place / f"{NAME}.toml").read_text().replace("width = 12", "width = 13")
    (place / f"{NAME}.toml").write_text(other)
    _, said, _ = ablate(capsys, *RUN)
    assert said.endswith("all 4 runs have ended, 4 of them now.\n")
    assert len({run.data.tags["run_key"] for run in stored(place)}) == 12


def stored(place: Path) -> list[Any]:
    return children(f"sqlite:///{place}/mlflow.db", NAME)
