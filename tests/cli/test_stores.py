"""Which store a command uses, and that stores may be moved, copied, locked and read-only."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import harness.cli.session
from harness.store import database
from harness.store.workspace import Workspace
from tests.store.conftest import template
from tests.store.test_database import holding
from tests.support.inprocess import InlineEngine, ablate, contents
from tests.support.kills import store
from tests.support.small_study import NAME, ROOT, STUDY, write_study
from tests.support.stores import children

__all__ = ["template"]

ASKED = ("kept.toml", "--data", "words.txt")
ONE_FACTOR = STUDY.format(steps=30).replace("lr = [0.1, 100000.0]\n", "").replace("lr = 0.1\n", "")
READING = (
    ("plan", *ASKED),
    ("report", *ASKED),
    ("export", "kept.toml"),
    ("compare", *ASKED, "norm=none", "norm=batch"),
    ("sample", "kept.toml", "-n", "2"),
    ("show", "batch · seed 1"),
    ("verify", *ASKED),
)

pytestmark = pytest.mark.usefixtures("few_figures")


@pytest.fixture
def place(tmp_path: Path, template: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory: a study, its data, an empty store, and an engine in this process."""
    place = write_study(tmp_path / "place")
    (place / f"{NAME}.toml").write_text(ONE_FACTOR)
    shutil.copy(template, place / "mlflow.db")
    for name in ("ABLATE_DATA", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(place)
    monkeypatch.setattr(harness.cli.session, "LocalEngine", lambda _: InlineEngine())
    return place


def succeeds(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[str, str]:
    """Output and errors of a command that must succeed."""
    code, output, errors = ablate(capsys, *arguments)
    assert code == 0, (arguments, output, errors)
    return output, errors


def stored(folder: Path) -> set[str]:
    """The runs whose artifacts are in a folder."""
    return {path.parts[-3] for path in (folder / "mlartifacts").glob("*/artifacts/trace.parquet")}


@pytest.mark.parametrize("how", ["mv", "cp -r"])
def test_every_command_works_in_a_store_that_was_moved_or_copied(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    succeeds(capsys, "run", *ASKED)
    there, before = place.with_name("there"), contents(place)
    place.rename(there) if how == "mv" else shutil.copytree(place, there)
    monkeypatch.chdir(there)
    for arguments in READING:
        _, errors = succeeds(capsys, *arguments)
        took = f"{NAME}: 4 runs: 30 steps, seeds 1-2, words.txt\n"
        assert errors == (took if arguments[0] == "sample" else "")
    assert (there / "reports" / NAME / "index.html").exists()
    more = ("run", *ASKED, "--seeds", "3")
    moved = f"the store now records {there}/mlartifacts for the artifacts of {NAME}\n"
    output, _ = succeeds(capsys, *more)
    assert moved in output
    assert output.endswith("all 6 runs have ended, 2 of them now.\n")
    output, _ = succeeds(capsys, *more)
    assert moved not in output
    assert stored(there) == {run.info.run_id for run in children(store(there), NAME)}
    if how == "mv":
        assert not place.exists()
    else:
        assert contents(place) == before


def test_a_session_that_was_stopped_goes_on_in_the_store_that_was_moved(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as now:
        now.setattr("harness.store.delivery.Delivery.poll", lambda _: None)
        now.setattr("harness.store.delivery.GIVE_UP", 0.0)
        assert ablate(capsys, "run", *ASKED)[0] == 1
    there = place.with_name("there")
    place.rename(there)
    monkeypatch.chdir(there)
    output, _ = succeeds(capsys, "run", *ASKED)
    assert output.endswith("all 4 runs have ended already; nothing to train.\n")
    assert not (there / ".ablate").exists()


def test_below_a_store_a_command_uses_it_and_says_so(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    succeeds(capsys, "run", *ASKED)
    below = place / "below" / "it"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    study = ("../../kept.toml", "--data", "../../words.txt")
    output, _ = succeeds(capsys, "run", *study)
    assert f"store: sqlite:///{place}/mlflow.db\n" in output
    assert output.endswith("all 4 runs have ended already; nothing to train.\n")
    assert not list(below.iterdir())
    _, errors = succeeds(capsys, "plan", *study)
    assert errors == f"store: {place}/mlflow.db, in a directory above\n"
    new = ("--tracking-uri", "sqlite:///mlflow.db")
    output, errors = succeeds(capsys, *new, "plan", *study)
    assert "0 of them ended" in output
    assert errors == ""
    assert succeeds(capsys, "plan", *study, *new) == (output, "")  # after the command as well
    succeeds(capsys, "run", *study, "--seeds", "1", *new)
    assert sorted(path.name for path in below.iterdir()) == ["mlartifacts", "mlflow.db"]
    monkeypatch.chdir(place / "below")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store(below))
    output, errors = succeeds(capsys, "plan", "../kept.toml", "--data", "../words.txt")
    assert "4 runs, 2 of them ended" in output
    assert errors == ""


def test_a_users_file_is_found_from_wherever_a_command_is_given(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("regression.py", "regression.toml"):
        shutil.copy(ROOT / "examples" / name, place)
    short = ("--steps", "20", "--seeds")
    below = place / "below"
    below.mkdir()
    monkeypatch.chdir(below)
    output, _ = succeeds(capsys, "run", "../regression.toml", *short, "1")
    assert output.endswith("all 6 runs have ended, 6 of them now.\n")
    monkeypatch.chdir(place)
    output, _ = succeeds(capsys, "run", "regression.toml", *short, "2")
    assert output.endswith("all 12 runs have ended, 6 of them now.\n")
    there = place.with_name("there")
    place.rename(there)
    monkeypatch.chdir(there / "below")
    for seed in ("1", "2"):
        succeeds(capsys, "show", f"tanh, norm false · seed {seed}")
    output, _ = succeeds(capsys, "verify", "../regression.toml", *short, "2")
    assert output.count("in the store") > 1
    output, _ = succeeds(capsys, "run", "../regression.toml", *short, "2")
    assert output.endswith("all 12 runs have ended already; nothing to train.\n")


def test_what_a_session_keeps_lies_beside_its_store(place: Path) -> None:
    kept = Workspace.of(NAME, store(place)).folder
    assert kept.parent == place / ".ablate"
    assert Workspace.of(NAME, store(place.with_name("there"))).folder.name == kept.name
    assert Workspace.of(NAME, store(place).replace("mlflow.db", "new.db")).folder != kept
    assert Workspace.of(NAME, "http://h:1").folder.parent == Path.cwd() / ".ablate"


def test_a_store_in_a_directory_that_is_missing_is_refused_and_none_made(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(place)
    code, _, errors = ablate(capsys, "--tracking-uri", "sqlite:///no/x.db", "run", *ASKED)
    assert (code, errors) == (
        2,
        "error: the directory of the MLflow database must exist and be writable; received "
        f"{place}/no (No such file or directory). Change to another directory, or choose another "
        "store with --tracking-uri.\n",
    )
    assert contents(place) == before


def test_a_locked_store_is_waited_for_and_its_holder_named(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "PATIENCE", 0.1)
    with holding(place / "mlflow.db", "BEGIN EXCLUSIVE") as holder:
        for command in ("plan", "run", "report"):
            code, _, errors = ablate(capsys, command, *ASKED)
            assert code == 2
            assert errors.startswith(
                "error: no other process may lock the MLflow database; received "
                f"{place}/mlflow.db, locked by another process"
            )
            if sys.platform == "linux":
                assert f"; these have it open: {holder} (" in errors
            assert errors.endswith(
                ". Wait for that process, or stop it; nothing is lost, and the same command then "
                "continues.\n"
            )
    assert not (place / ".ablate").exists()
    succeeds(capsys, "run", *ASKED)


# The commands in one process, on a mount of its own that vanishes with it.
FROZEN = """
mount --bind place place && mount -o remount,bind,ro place && cd place || exit 99
exec {python} -c '
import sys
from harness.cli import main
for words in sys.stdin:
    sys.argv = ["ablate", *words.rstrip().split("\\t")]
    try:
        main()
    except SystemExit as ended:
        print("code", ended.code, flush=True)
'
"""


@pytest.mark.parametrize(
    "reading", [READING[2:4], pytest.param(READING, marks=pytest.mark.service)], ids=["some", "all"]
)
def test_a_store_that_cannot_be_written_is_read(
    place: Path,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    reading: tuple[tuple[str, ...], ...],
) -> None:
    unshare = shutil.which("unshare")
    if not unshare or subprocess.run([unshare, "-rm", "true"], check=False).returncode:
        pytest.skip("this machine lets nobody mount a file system of their own")
    succeeds(capsys, "run", *ASKED)
    before = contents(place)
    elsewhere = {"report": ("--output", "../report"), "export": ("--to", "../export")}
    asked = [(*arguments, *elsewhere.get(arguments[0], ())) for arguments in reading]
    ended = subprocess.run(
        [unshare, "-rm", "bash", "-c", FROZEN.format(python=sys.executable)],
        input="\n".join("\t".join(words) for words in [*asked, ("run", *ASKED), ("prune", NAME)]),
        cwd=tmp_path,
        text=True,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    codes = [line for line in ended.stdout.splitlines() if line.startswith("code ")]
    assert codes == ["code 0"] * len(asked) + ["code 2"] * 2, ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr
    assert "Read-only file system" in ended.stderr
    if reading == READING:
        for what in ("report", "result"):
            assert f"the store is read-only, so the {what} is not stored in it" in ended.stdout
        assert (tmp_path / "report" / "index.html").exists()
    assert (tmp_path / "export" / "runs.csv").exists()
    assert contents(place) == before
