"""A command that a remedy names can be run as it is printed, and then the refused one works."""

import re
import shlex
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
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


@pytest.mark.parametrize("command", ["sample", "show"])
def test_a_seed_that_the_study_lacks_is_run_by_the_remedy(call: Call, command: str) -> None:
    call("run", FILE, *DATA)
    code, _, errors = call(command, FILE, "seed=3", *DATA)
    assert code == 2
    (remedy,) = commands(errors)
    assert call(*remedy)[0] == 0
    assert call(command, FILE, "seed=3", *DATA)[0] == 0


def test_a_definition_that_is_gone_is_written_by_the_remedy(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("my studies")
    data = ("--data", "../my data/words.txt")
    call("run", "s.toml", *data)
    call("run", "s.toml", "--steps", "7", "--seeds", "3", *data)
    for path in Path("../mlartifacts").rglob("study.json"):
        path.unlink()
    shutil.copy("../my data/words.txt", ".")  # the store has only its name
    code, output, _ = call("doctor")
    assert code == 1
    for remedy in commands(output):
        assert call(*remedy)[0] == 0
    assert call("doctor")[0] == 0
    assert call("plan", "s.toml", *data)[1].count("ended") == 2


def test_runs_that_lost_their_files_are_run_again_by_the_remedy(call: Call) -> None:
    call("run", FILE, *DATA)
    next(Path("mlartifacts").rglob("trace.parquet")).unlink()
    code, output, _ = call("report", FILE, *DATA)
    assert (code, "missing or damaged" in output) == (0, True)
    (remedy,) = commands(output)
    assert call(*remedy)[0] == 0
    assert "missing or damaged" not in call("report", FILE, *DATA)[1]


@pytest.mark.parametrize(
    "refused", [("report", FILE, *DATA), ("compare", FILE, "norm=none", "norm=batch", *DATA)]
)
def test_runs_that_were_changed_are_run_again_by_the_remedy(
    call: Call, refused: tuple[str, ...]
) -> None:
    call("run", FILE, *DATA)
    with closing(sqlite3.connect("mlflow.db")) as database, database:
        database.execute("UPDATE latest_metrics SET value = 9 WHERE key = 'final/dev_loss'")
    code, _, errors = call(*refused)
    assert code != 0
    remedy, *others = commands(errors)
    assert [call(*other)[0] for other in others] == [1] * len(others)  # it shows which runs
    assert call(*remedy)[0] == 0
    assert call(*refused)[0] == 0
