"""Damaged, foreign and partly written files: set aside, reported, and trained anew."""

import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

import harness.cli.session
from harness.store.delivery import Delivery
from harness.store.workspace import Workspace
from tests.support.inprocess import InlineEngine, ablate, run_undisturbed
from tests.support.kills import store, workspace
from tests.support.small_study import NAME, write_study
from tests.support.stores import picture

STEPS = 200
RUN = ("run", f"{NAME}.toml", "--data", "words.txt")


class PowerCut(BaseException):
    """Stands for a power cut."""


class FailingEngine(InlineEngine):
    """An engine whose power fails after so many events."""

    def __init__(self, events: int) -> None:
        super().__init__(every=1)
        self._left = events

    def __call__(self, *arguments: Any) -> Iterator[Any]:
        for event in super().__call__(*arguments):
            self._left -= 1
            if not self._left:
                raise PowerCut
            yield event


@pytest.fixture
def place(tmp_path: Path, template: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, where studies are trained in this process."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr(harness.cli.session, "LocalEngine", lambda _: InlineEngine())
    write_study(tmp_path, STEPS, seeds=1)
    shutil.copy(template, tmp_path / "mlflow.db")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def expected(template: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The store of an undisturbed study."""
    folder = write_study(tmp_path_factory.mktemp("undisturbed"), STEPS, seeds=1)
    shutil.copy(template, folder / "mlflow.db")
    run_undisturbed(folder, "--tracking-uri", store(folder), *RUN)
    return picture(store(folder), NAME)


def cut_power(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], events: int = 25
) -> None:
    """Start the study, and end it as a power cut does."""
    with monkeypatch.context() as now:
        now.setattr(harness.cli.session, "LocalEngine", lambda _: FailingEngine(events))
        with pytest.raises(PowerCut):
            ablate(capsys, *RUN)


def assert_finishes(
    place: Path, capsys: pytest.CaptureFixture[str], expected: dict[str, Any]
) -> None:
    code, _, errors = ablate(capsys, *RUN)
    assert (code, errors) == (0, "")
    assert picture(store(place), NAME) == expected


@pytest.mark.parametrize("events", [1, 62, 100])
def test_a_study_cut_off_anywhere_ends_as_if_undisturbed(
    place: Path,
    expected: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    events: int,
) -> None:
    cut_power(monkeypatch, capsys, events)
    assert_finishes(place, capsys, expected)


@pytest.mark.parametrize("harm", ["cut", "flipped", "foreign", "empty"])
def test_a_damaged_checkpoint_is_set_aside_and_reported(
    place: Path,
    expected: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    harm: str,
) -> None:
    cut_power(monkeypatch, capsys)
    (path,) = workspace(place).glob("checkpoints/*")
    whole = path.read_bytes()
    path.write_bytes(
        {
            "cut": whole[:-1],
            "flipped": whole[:99] + bytes([whole[99] ^ 1]) + whole[100:],
            "foreign": b"\x80\x04cos\nsystem\n(S'false'\ntR.",
            "empty": b"",
        }[harm]
    )
    assert_finishes(place, capsys, expected)
    assert (
        "is damaged and was renamed; its runs start again: its checksum does not match"
        in caplog.text
    )
    assert [kept.suffix for kept in workspace(place).glob("checkpoints/*")] == [".damaged"]


def test_an_undamaged_checkpoint_of_other_runs_is_left_alone(
    place: Path,
    expected: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with monkeypatch.context() as now:
        now.setattr(sys, "argv", [])
        (place / f"{NAME}.toml").write_text(
            (place / f"{NAME}.toml").read_text().replace("width = 12", "width = 13")
        )
        cut_power(monkeypatch, capsys)
        write_study(place, STEPS, seeds=1)
    (path,) = workspace(place).glob("checkpoints/*")
    before = path.read_bytes()
    assert ablate(capsys, *RUN)[0] == 0
    assert path.read_bytes() == before
    undisturbed = picture(store(place), NAME)
    assert {key: undisturbed[key] for key in expected if "/" not in key} == {
        key: value for key, value in expected.items() if "/" not in key
    }


def test_results_wait_for_a_session_that_includes_their_runs(
    place: Path,
    expected: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with monkeypatch.context() as now:
        now.setattr("harness.store.delivery.Delivery.poll", lambda _: None)
        now.setattr("harness.store.delivery.GIVE_UP", 0.0)
        code, output, _ = ablate(capsys, *RUN)
    assert code == 1
    waiting = "4 results wait on disk for the store. When it takes results again, deliver with: "
    assert waiting in output
    assert output.endswith(f"ablate {' '.join(RUN)}\n")
    code, output, _ = ablate(capsys, *RUN, "--steps", "9")
    assert (code, len(list(workspace(place).glob("results/*")))) == (0, 4)
    assert output.endswith("all 4 runs have ended, 4 of them now.\n")
    code, output, _ = ablate(capsys, *RUN)
    assert output.endswith("all 4 runs have ended already; nothing to train.\n")
    found = picture(store(place), NAME)
    assert {key: found[key]["metrics"] for key in expected} == {
        key: run["metrics"] for key, run in expected.items()
    }


def test_a_session_whose_experiment_is_deleted_says_so(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    client, poll, deleted = MlflowClient(store(place)), Delivery.poll, list[str]()

    def delete_then_poll(delivery: Delivery) -> None:
        if (found := client.get_experiment_by_name(NAME)) and found.lifecycle_stage == "active":
            deleted.append(found.experiment_id)
            client.delete_experiment(found.experiment_id)
        poll(delivery)

    with monkeypatch.context() as now:
        now.setattr("harness.store.delivery.Delivery.poll", delete_then_poll)
        now.setattr("harness.store.delivery.GIVE_UP", 1.0)
        code, output, _ = ablate(capsys, *RUN)
    assert code == 1
    said = re.search(r"4 results wait on disk for the store \((.*)\)\. When it takes", output)
    assert said
    assert "must be in the 'active' state" in said[1]
    client.restore_experiment(deleted[0])
    code, output, _ = ablate(capsys, *RUN)
    assert (code, output.splitlines()[-1]) == (
        0, "all 4 runs have ended already; nothing to train.",
    )  # fmt: skip


def test_a_damaged_result_is_trained_anew(
    place: Path,
    expected: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    with monkeypatch.context() as now:
        now.setattr("harness.store.delivery.Delivery.poll", lambda _: None)
        now.setattr("harness.store.delivery.GIVE_UP", 0.0)
        ablate(capsys, *RUN)
    first, second, third, *_ = sorted(workspace(place).glob("results/*"))
    first.write_bytes(first.read_bytes()[:-1])
    second.write_bytes(third.read_bytes())
    assert_finishes(place, capsys, expected)
    assert "its checksum does not match" in caplog.text
    assert f"it is the result of another run, {third.stem}" in caplog.text


def test_partly_written_files_are_removed(tmp_path: Path) -> None:
    kept = Workspace.of("any", f"sqlite:///{tmp_path}/x")
    (kept.folder / "results").mkdir(parents=True)
    (kept.folder / "results" / ".a.safetensors.0123").write_bytes(b"half")
    with kept.locked():
        assert not list(kept.folder.glob("results/*"))
    assert not (tmp_path / ".ablate").exists()


def test_a_second_coordinator_is_refused_and_names_the_first(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = (
        "import sys; from tests.support.kills import *\n"
        f"with Workspace.of(NAME, {store(place)!r}).locked():\n"
        "    print('locked', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    ) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "locked\n"
        code, _, errors = ablate(capsys, *RUN)
        first.kill()
    assert code == 2
    assert errors.startswith(
        "error: only one process at a time may run a study on a local store; received one that is "
        f"running: host {socket.gethostname()}, pid {first.pid}, since 20"
    )
    assert ablate(capsys, *RUN)[0] == 0
