"""The seam holds: a second subject of thirty lines goes through everything, unchanged above it."""

import os
import re
import signal
from importlib.util import find_spec
from pathlib import Path

import pytest

import harness.cli.session
from harness.errors import UserError
from harness.study.files import parse_study
from harness.study.plan import run_key
from harness.subjects import find_subject
from tests.support import inprocess
from tests.support.clusters import measured, wait_until
from tests.support.commands import ablate, exported, start
from tests.support.inprocess import InlineEngine

pytestmark = pytest.mark.usefixtures("few_figures")

LONG = 20_000  # steps of a study that can be stopped while it trains
STUDY = """
question = "Does a line need an intercept?"
subject = "tests.support.linear"
seeds = 3
[fixed]
steps = {steps}
batch = 8
[factors]
intercept = [false, true]
lr = [0.1, 0.3, 1e30]
[baseline]
intercept = true
lr = 0.1
[bare]
intercept = false
[[claims]]
id = "intercept-helps"
says = "An intercept lowers the error"
kind = "difference"
factor = "intercept"
level = true
versus = false
where = {{ lr = [0.1, 0.3] }}
"""


def study(folder: Path, steps: int = 400) -> Path:
    (folder / "lines.toml").write_text(STUDY.format(steps=steps))
    return folder


def results(folder: Path) -> int:
    """How much a folder's store holds of the study; it is created whole."""
    database = folder / "mlflow.db"
    return measured(database) if database.exists() else 0


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The numbers of an undisturbed study."""
    whole = study(tmp_path_factory.mktemp("whole"), LONG)
    inprocess.run_undisturbed(whole, "run", "lines.toml")
    return exported(whole, "lines.toml")


def test_everything_but_training_in_processes_works_in_this_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Plan, run, report, verify, compare, show, sample: each command, in this process."""
    monkeypatch.chdir(study(tmp_path))
    monkeypatch.delenv("ABLATE_DATA", raising=False)
    monkeypatch.setattr(harness.cli.session, "LocalEngine", lambda _: InlineEngine())

    def call(*arguments: str) -> str:
        code, output, errors = inprocess.ablate(capsys, *arguments)
        assert code == 0, errors
        return output

    assert "6 variants × 3 seeds = 18 runs, 0 of them ended" in call("plan", "lines.toml")
    assert "all 18 runs have ended, 18 of them now." in call("run", "lines.toml")
    assert "18 of them ended" in call("plan", "lines.toml")
    assert "nothing to train" in call("run", "lines.toml")
    verified = call("verify", "lines.toml")
    assert "bit-equal alone, restacked and in the store where it has them" in verified
    call("report", "lines.toml")
    page = (tmp_path / "reports" / "lines" / "report.md").read_text()
    assert "An intercept lowers the error" in page
    assert "SUPPORTED" in page
    assert "6 of them diverged" in page
    for word in ("tanh", "saturation", "BatchNorm", "dev loss", "names.txt", "nats"):
        assert word not in page, word
    assert "squared error" in page
    assert "final/error" in call("compare", "lines.toml", "intercept=false", "intercept=true")
    assert "data line" in call("show", "intercept true, lr 0.1 · seed 1")
    code, output, errors = inprocess.ablate(capsys, "sample", "lines.toml")
    assert (code, output) == (2, "")
    said = re.fullmatch(
        "lines: 18 runs: 400 steps, seeds 1-3, line\n"
        "error: the subject must write samples; received 'tests.support.linear', the "
        r"subject of lines. `ablate show (\w+)` shows what the run holds.\n",
        errors,
    )
    assert said
    assert "data line" in call("show", said[1])


@pytest.mark.service
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_study_continues_to_the_same_numbers(
    tmp_path: Path, expected: str, number: signal.Signals
) -> None:
    killed = study(tmp_path, LONG)
    process = start(killed, "run", "lines.toml")
    wait_until(lambda: process.poll() is not None or results(killed) > 0, 120)
    assert process.poll() is None, "it ended before it could be stopped"
    os.killpg(process.pid, number)
    process.communicate()
    assert process.returncode == (130 if number == signal.SIGINT else -number)
    assert "all 18 runs have ended" in ablate(killed, "run", "lines.toml")
    assert exported(killed, "lines.toml") == expected


@pytest.mark.service
@pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed")
def test_on_ray_the_numbers_are_the_same(
    tmp_path: Path, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    ablate(study(tmp_path, LONG), "run", "lines.toml", "--engine", "ray", "--workers", "2")
    assert exported(tmp_path, "lines.toml") == expected


def test_an_unknown_subject_is_refused_with_a_suggestion() -> None:
    with pytest.raises(UserError) as error:
        parse_study(STUDY.format(steps=1).replace("tests.support.linear", "char_mpl").encode(), "s")
    assert str(error.value) == (
        "a subject must be one of the harness's, a .py file, or a module that binds SUBJECT; "
        "received 'char_mpl'. Did you mean 'char_mlp'?"
    )


def test_a_module_that_does_not_run_is_refused_with_its_own_frames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "__init__.py").touch()
    for name, code, received in (
        ("broken", "x = (", "broken.py:1: x = (; SyntaxError: '(' was never closed"),
        ("wrong", "1 / 0", "wrong.py:1 in <module>: 1 / 0; ZeroDivisionError: division by zero"),
    ):
        (tmp_path / "mine" / f"{name}.py").write_text(code)
        with pytest.raises(UserError) as error:
            find_subject(f"mine.{name}")
        assert str(error.value) == (
            f"mine.{name} must run when it is imported; received {received}. Fix it there."
        )


def test_the_subject_is_part_of_a_runs_identity() -> None:
    subject = find_subject("tests.support.linear")
    fields = subject.Fields.model_validate({})
    other = type("Other", (type(subject),), {"version": "2"})()
    assert run_key(subject, fields, 1, "data") != run_key(other, fields, 1, "data")
