"""A run that has ended is never trained again; a change of what defines a run is a new run."""

import shutil
from pathlib import Path
from typing import Any

import pytest

import harness.cli.session
from harness.subjects.subject import Subject
from tests.support.inprocess import InlineEngine, ablate
from tests.support.kills import store
from tests.support.small_study import NAME, STUDY, write_study
from tests.support.stores import children, picture

RUN = ("run", f"{NAME}.toml", "--data", "words.txt")


@pytest.fixture
def place(tmp_path: Path, template: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, where studies are trained in this process."""
    write_study(tmp_path, steps=60, seeds=1)
    shutil.copy(template, tmp_path / "mlflow.db")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr(harness.cli.session, "LocalEngine", lambda _: InlineEngine())
    return tmp_path


def test_a_second_run_trains_nothing_and_says_so(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, output, _ = ablate(capsys, *RUN)
    assert (code, output.splitlines()[-1]) == (0, "all 4 runs have ended, 4 of them now.")
    before = picture(store(place), NAME)
    code, output, _ = ablate(capsys, *RUN, "--workers", "3")
    assert (code, output.splitlines()[-1]) == (
        0,
        "all 4 runs have ended already; nothing to train.",
    )
    assert picture(store(place), NAME) == before
    assert not list(place.glob(f".ablate/{NAME}-*"))
    code, output, _ = ablate(capsys, "plan", *RUN[1:])
    rows = {line[:16]: line[16:].split() for line in output.splitlines()}
    assert rows["none, lr 0.1    "][1:] == ["1/1"]
    assert rows["none, lr 100000 "][1:] == ["1/1", "1"]  # the last is of the diverged
    assert output.endswith("nothing to train\n")


def test_workers_are_prepared_for_a_study_that_the_store_lacks_and_no_other(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Preparing(InlineEngine):
        def prepare(self, tasks: int, subject: Subject) -> None:  # noqa: ARG002
            prepared.append(tasks)

    prepared: list[int] = []
    assert not (place / ".ablate").exists()
    monkeypatch.setattr(harness.cli.session, "LocalEngine", lambda _: Preparing())
    ablate(capsys, *RUN)
    assert prepared == [4]
    ablate(capsys, *RUN)
    assert prepared == [4]


def test_more_seeds_and_levels_train_only_what_is_missing(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ablate(capsys, *RUN)
    first = {run.data.tags["run_key"]: run.info.run_id for run in stored(place)}
    _, output, _ = ablate(capsys, *RUN, "--seeds", "2-3")
    assert output.endswith("all 8 runs have ended, 8 of them now.\n")
    wider = STUDY.format(steps=60).replace('["none", "batch"]', '["none", "batch", "layer"]')
    (place / f"{NAME}.toml").write_text(wider.replace("seeds = 2", "seeds = 1"))
    _, output, _ = ablate(capsys, *RUN)
    assert output.endswith("all 6 runs have ended, 2 of them now.\n")
    now = {run.data.tags["run_key"]: run.info.run_id for run in stored(place)}
    assert len(now) == 14
    assert first.items() <= now.items()


def test_other_data_and_fields_are_new_runs(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ablate(capsys, *RUN)
    (place / "more.txt").write_text((place / "words.txt").read_text() + "zora\n")
    _, output, _ = ablate(capsys, *RUN[:2], "--data", "more.txt")
    assert output.endswith("all 4 runs have ended, 4 of them now.\n")
    other = (place / f"{NAME}.toml").read_text().replace("width = 12", "width = 13")
    (place / f"{NAME}.toml").write_text(other)
    _, output, _ = ablate(capsys, *RUN)
    assert output.endswith("all 4 runs have ended, 4 of them now.\n")
    assert len({run.data.tags["run_key"] for run in stored(place)}) == 12


def stored(place: Path) -> list[Any]:
    return children(store(place), NAME)
