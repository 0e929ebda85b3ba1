"""A command that a remedy names can be run as it is printed, and then the refused one works."""

import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import harness.cli.session
from tests.cli.test_data_of_a_study import STUDY, WORDS
from tests.store.conftest import template
from tests.support import inprocess
from tests.support.inprocess import InlineEngine

pytestmark = pytest.mark.usefixtures("few_figures")

__all__ = ["template"]

FILE = "my studies/s.toml"
Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(
    tmp_path: Path,
    template: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Call:
    """`ablate` in a folder with an empty store, and a study and its data in folders below."""
    shutil.copy(template, tmp_path / "mlflow.db")
    monkeypatch.chdir(tmp_path)
    for name in ("ABLATE_DATA", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(harness.cli.session, "LocalEngine", lambda _: InlineEngine())
    for path, text in {
        FILE: STUDY.format(data=""),
        "my studies/other.toml": STUDY.format(data=""),
        "my data/words.txt": WORDS["first.txt"],
    }.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    return lambda *arguments: inprocess.ablate(capsys, *arguments)


def commands(text: str) -> list[list[str]]:
    """The commands that a message or a report names."""
    return [shlex.split(found)[1:] for found in re.findall(r"ablate [a-z][^,;()`\n]*", text)]


DATA = ("--data", "my data/words.txt")


@pytest.mark.parametrize(
    ("there", "refused"),
    [
        ("no store", ("report", FILE, "--seeds", "1,2", "--steps", "10", *DATA)),
        ("another study", ("compare", FILE, "norm=none", "norm=batch", *DATA)),
    ],
)
def test_a_study_that_was_not_run_is_run_by_the_remedy(
    call: Call, there: str, refused: tuple[str, ...]
) -> None:
    if there == "no store":
        Path("mlflow.db").unlink()
    else:
        assert call("run", "my studies/other.toml", *DATA)[0] == 0
    code, _, errors = call(*refused)
    assert code == 2
    (remedy,) = commands(errors)
    assert call(*remedy)[0] == 0
    assert call(*refused)[0] == 0


@pytest.mark.parametrize("refused", [("export", FILE), ("sample", FILE)], ids=" ".join)
def test_so_it_is_where_the_data_are_not_named(
    call: Call, refused: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ABLATE_DATA", "my data/words.txt")
    code, _, errors = call(*refused)
    assert code == 2
    (remedy,) = commands(errors)
    assert call(*remedy)[0] == 0
    assert call(*refused)[0] == 0


def test_a_seed_that_was_not_run_is_run_by_the_remedy(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ABLATE_DATA", "my data/words.txt")
    call("run", FILE, "--seeds", "1")
    code, _, errors = call("sample", FILE, "--seed", "2")
    assert code == 2
    (remedy,) = commands(errors)
    assert call(*remedy)[0] == 0
    assert call("sample", FILE, "--seed", "2")[0] == 0


def test_the_commands_of_a_report_run_where_the_files_lie(call: Call) -> None:
    for name in (FILE, "my data/words.txt"):
        shutil.copy(name, ".")
    assert call("run", "s.toml", "--data", "words.txt")[0] == 0
    assert call("report", "s.toml", "--data", "words.txt")[0] == 0
    found = commands(Path("reports/s/report.md").read_text())
    assert {name for name, *_ in found} == {"run", "report", "verify", "ui"}
    for command in found:
        if command[0] != "ui":
            assert call(*command)[0] == 0


@pytest.mark.parametrize(("study", "remedy"), [(FILE, f"'{FILE}'"), ("s", "s"), ("smoke", "smoke")])
def test_a_remedy_names_a_study_that_can_be_run(call: Call, study: str, remedy: str) -> None:
    shutil.copy(FILE, ".")
    code, _, errors = call("export", study)
    assert code == 2
    assert f"Run it first (ablate run {remedy})" in errors
