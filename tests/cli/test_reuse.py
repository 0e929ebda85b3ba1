"""A run that another study of the store has finished is taken over, not trained again."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from harness.errors import Unreachable
from harness.store.location import folder_of
from harness.store.tracker import Tracker
from harness.store.uri import sqlite_uri
from tests.cli.test_looks import call, template, trained
from tests.support.inprocess import run_undisturbed
from tests.support.stores import children, picture

pytestmark = pytest.mark.usefixtures("few_figures")

__all__ = ["template", "trained"]

FIRST = """
question = "Does a line need an intercept?"
subject = "tests.support.linear"
seeds = 3
[fixed]
steps = 300
batch = 8
[factors]
intercept = [false, true]
[baseline]
intercept = true
"""
WIDER = FIRST.replace(
    "[baseline]", "lr = [0.1, 1e6]\n[baseline]\nlr = 0.1"
)  # 0.1 is the default; the other rate diverges
SAME = ("metrics", "params", "artifacts", "data", "latest", "status")
TAKEN = "reused, because other studies in this store have finished them: 6 of first"


@pytest.fixture(scope="module")
def begun(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two studies, the first of them trained; to be copied."""
    folder = tmp_path_factory.mktemp("begun")
    shutil.copy(template, folder / "mlflow.db")
    (folder / "first.toml").write_text(FIRST)
    (folder / "wider.toml").write_text(WIDER)
    run_undisturbed(folder, "run", "first.toml")
    return folder


@pytest.fixture
def two(
    begun: Path,
    tmp_path: Path,
    trained: list[tuple[str, int]],  # noqa: ARG001
) -> Iterator[Path]:
    """A copy of that folder, in which the test works."""
    folder = tmp_path / "two"
    shutil.copytree(begun, folder)
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        for name in ("MLFLOW_TRACKING_URI", "ABLATE_DATA"):
            patched.delenv(name, raising=False)
        yield folder


def by_params(uri: str, study: str) -> dict[Any, dict[str, Any]]:
    return {tuple(run["params"].items()): run for run in picture(uri, study).values()
            if run["params"]}  # fmt: skip


def test_finished_runs_of_another_study_are_taken_over_with_all_that_they_hold(
    two: Path, trained: list[tuple[str, int]]
) -> None:
    uri = sqlite_uri(two / "mlflow.db")
    planned = call("plan", "wider.toml")
    assert f"6 runs will be {TAKEN}\n" in planned
    assert "to train: 6 runs in " in planned
    said = call("run", "wider.toml")
    assert f"{TAKEN}\n" in said
    assert "all 12 runs have ended, 6 of them now." in said
    assert len(trained) == 6
    assert all("lr 1e+06" in variant for variant, _ in trained)
    theirs, ours = by_params(uri, "first"), by_params(uri, "wider")
    assert len(ours) == 12
    for params, run in theirs.items():
        for part in SAME:
            assert ours[params][part] == run[part]
    origin = {run.info.run_id: run.data.tags for run in children(uri, "first")}
    for run in children(uri, "wider"):
        source = run.data.tags.get("taken_from")
        if source:
            assert run.data.tags["run_key"] == origin[source]["run_key"]
            assert run.data.tags["minibatches"] == origin[source]["minibatches"]
            assert run.data.tags["variant"] == f"{origin[source]['variant']}, lr 0.1"
    assert "nothing to train" in call("run", "wider.toml")
    page = call("report", "wider.toml", "--format", "png").splitlines()[-1]
    text = (two / page).with_name("report.md").read_text("utf-8")
    assert "Audit passed" in text
    assert "12 of 12 runs ended" in text


def test_a_diverged_run_is_taken_over_as_such(two: Path, trained: list[tuple[str, int]]) -> None:
    call("run", "wider.toml")
    trained.clear()
    (two / "third.toml").write_text(WIDER)
    call("run", "third.toml")
    assert trained == []
    uri = sqlite_uri(two / "mlflow.db")
    outcomes = [run.data.tags["outcome"] for run in children(uri, "third")]
    assert sorted(outcomes) == ["diverged"] * 6 + ["finished"] * 6
    assert {run.data.tags["diverged_step"] for run in children(uri, "third")
            if run.data.tags["outcome"] == "diverged"}  # fmt: skip


def test_runs_of_other_steps_or_of_deleted_studies_are_not(
    two: Path, trained: list[tuple[str, int]]
) -> None:
    assert "taken over" not in call("run", "wider.toml", "--steps", "20")
    assert len(trained) == 12
    trained.clear()
    client = MlflowClient(sqlite_uri(two / "mlflow.db"))
    for run in children(sqlite_uri(two / "mlflow.db"), "first"):
        client.delete_run(run.info.run_id)
    assert "taken over" not in call("run", "wider.toml")
    assert len(trained) == 12


def test_what_cannot_be_copied_is_trained(two: Path, trained: list[tuple[str, int]]) -> None:
    uri = sqlite_uri(two / "mlflow.db")
    gone, *_ = children(uri, "first")
    for path in folder_of(gone.info.artifact_uri).rglob("*"):
        if path.is_file():
            path.unlink()
    for folder in sorted(folder_of(gone.info.artifact_uri).rglob("*"), reverse=True):
        folder.rmdir()
    folder_of(gone.info.artifact_uri).rmdir()
    call("run", "wider.toml")
    assert len(trained) == 7
    assert len(by_params(uri, "wider")) == 12


def test_taking_over_goes_on_where_it_was_cut_off(
    two: Path, trained: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store fails in the middle of the third run: after its files, before its metrics."""
    complete, calls = Tracker._complete, [0]

    def failing(tracker: Tracker, key: str, *rest: Any) -> None:
        calls[0] += 1
        if calls[0] == 3:
            tracker._opened(key)
            raise KeyboardInterrupt
        complete(tracker, key, *rest)

    monkeypatch.setattr(Tracker, "_complete", failing)
    with pytest.raises((KeyboardInterrupt, SystemExit, AssertionError)):
        call("run", "wider.toml")
    monkeypatch.setattr(Tracker, "_complete", complete)
    assert "4 of first" in call("run", "wider.toml")
    assert len(trained) == 6
    runs = by_params(sqlite_uri(two / "mlflow.db"), "wider")
    assert len(runs) == 12
    assert {run["status"] for run in runs.values()} == {"FINISHED"}


def test_a_store_that_fails_meanwhile_leaves_the_run_to_be_trained(
    two: Path, trained: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    take_over: Callable[..., None] = Tracker.take_over
    calls = [0]

    def failing(tracker: Tracker, key: str, other: Any) -> None:
        calls[0] += 1
        if calls[0] == 2:
            raise Unreachable("it does not answer")
        take_over(tracker, key, other)

    monkeypatch.setattr(Tracker, "take_over", failing)
    call("run", "wider.toml")
    assert len(trained) == 7
    assert len(by_params(sqlite_uri(two / "mlflow.db"), "wider")) == 12
