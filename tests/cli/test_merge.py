"""`ablate merge` on the command line: two folders, one report."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow import MlflowClient

from harness.store.uri import sqlite_uri
from tests.cli.test_reuse import FIRST
from tests.store.conftest import template
from tests.support import inprocess
from tests.support.inprocess import run_undisturbed
from tests.support.stores import children

__all__ = ["template"]

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def two(
    tmp_path: Path,
    template: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Call:
    """`ablate` in a folder with one seed of a study, beside another folder with two."""
    for name in ("ABLATE_DATA", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    for folder, seeds in (("here", "1"), ("there", "2,3")):
        (tmp_path / folder).mkdir()
        shutil.copy(template, tmp_path / folder / "mlflow.db")
        (tmp_path / folder / "first.toml").write_text(FIRST)
        run_undisturbed(tmp_path / folder, "run", "first.toml", "--seeds", seeds)
    monkeypatch.chdir(tmp_path / "here")
    return lambda *arguments: inprocess.ablate(capsys, *arguments)


def test_two_folders_make_one_report(two: Call, tmp_path: Path) -> None:
    here, there = (sqlite_uri(tmp_path / name / "mlflow.db") for name in ("here", "there"))
    assert two("merge", "../there") == (
        0, f"from {there} to {here}:\nfirst: 4 runs copied\n", ""
    )  # fmt: skip
    assert two("merge", there)[:2] == (
        0, f"from {there} to {here}:\nfirst: 0 runs copied, 4 already here\n"
    )  # fmt: skip
    code, _, errors = two("report", "first.toml", "--format", "svg")
    assert (code, errors) == (0, "")
    assert "6 of 6 runs ended: 2 variants, 3 seeds." in Path("reports/first/report.md").read_text()
    code, output, _ = two("run", "first.toml")
    assert (code, output.endswith("all 6 runs have ended already; nothing to train.\n")) == (
        0,
        True,
    )


def test_what_is_not_brought_is_named_and_the_exit_code_says_so(two: Call, tmp_path: Path) -> None:
    there = sqlite_uri(tmp_path / "there" / "mlflow.db")
    changed, *_ = children(there, "first")
    MlflowClient(there).log_metric(changed.info.run_id, "final/loss", 0.1)
    code, output, _ = two("merge", "../there/mlflow.db")
    assert code == 1
    assert output.splitlines()[1:] == [
        "first: 3 runs copied",
        f"  not copied: {changed.info.run_name}: changed since it ended",
    ]


def test_a_refused_merge_creates_no_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    for place in ("nowhere", "empty", "sqlite:///nothing.db", "."):
        code, output, errors = inprocess.ablate(capsys, "merge", place)
        assert (code, output, errors.count("\n")) == (2, "", 1)
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]
