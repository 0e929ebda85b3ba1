"""A study on other data than the store holds: said before anything is trained, with the option."""

from pathlib import Path

import pytest

import harness.cli.session
from tests.support import inprocess
from tests.support.inprocess import InlineEngine
from tests.support.loops import LOOP, LOOP_STUDY

pytestmark = pytest.mark.usefixtures("few_figures")

STUDY = """
question = "On which data?"
{data}seeds = 2
[fixed]
steps = 20
width = 8
depth = 1
[factors]
norm = ["none", "batch"]
[baseline]
norm = "batch"
"""
WORDS = {
    "first.txt": "ann\nbea\ncleo\ndora\nella\nfay\n",
    "second.txt": "al\nbo\ncy\ndan\ned\nflo\n",
}
OTHERS = (
    "the store also holds 4 runs of s on first.txt, which reports keep apart. "
    "To continue there: --data first.txt"
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ABLATE_DATA", raising=False)
    monkeypatch.setattr(harness.cli.session, "LocalEngine", lambda _: InlineEngine())
    for name, words in WORDS.items():
        (tmp_path / name).write_text(words)
    (tmp_path / "studies").mkdir()
    return tmp_path


def test_the_file_names_the_data_and_other_runs_are_reported_with_their_option(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = folder / "studies" / "s.toml"
    study.write_text(STUDY.format(data='data = "../first.txt"\n'))

    def call(*words: str) -> tuple[int, str, str]:
        return inprocess.ablate(capsys, words[0], "studies/s.toml", *words[1:])

    assert "data: first.txt, 6 items" in call("run")[1]
    assert "nothing to train" in call("run")[1]
    assert "4 of them ended" in call("plan", "--data", "first.txt")[1]  # relative to here
    planned = call("plan", "--data", "second.txt")[1]
    assert OTHERS in planned
    assert "0 of them ended" in planned
    refused = call("report", "--data", "second.txt")
    assert refused == (
        2,
        "",
        "error: the store must have runs of the study as requested; received none of s with "
        "20 steps, seeds 1-2, on second.txt. Run it first (ablate run studies/s.toml --data "
        "second.txt), or take the 4 on first.txt: --data first.txt.\n",
    )
    study.write_text(STUDY.format(data='data = "../second.txt"\n'))
    _, output, _ = call("run")
    assert output.index(OTHERS) < output.index("training 4 runs")
    _, output, _ = call("report")
    assert OTHERS in output
    assert "s: 4 runs: 20 steps, seeds 1-2, second.txt\n" in output
    assert "4 runs read" in output
    _, output, _ = call("report", "--data", "first.txt")
    assert "s: 4 runs: 20 steps, seeds 1-2, first.txt\n" in output
    assert output.endswith("reports/studies/s-data-first.txt/index.html\n")


def test_an_environment_variable_overrides_the_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "studies" / "s.toml").write_text(STUDY.format(data='data = "../first.txt"\n'))
    monkeypatch.setenv("ABLATE_DATA", "second.txt")
    assert "data: second.txt" in inprocess.ablate(capsys, "plan", "studies/s.toml")[1]


def test_other_data_of_a_file_of_ones_own_are_no_option(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "loop.py").write_text(LOOP + '\nFILES = ["first.txt"]\n')
    (folder / "s.toml").write_text(LOOP_STUDY.format(steps=4))
    assert inprocess.ablate(capsys, "run", "s.toml")[0] == 0
    (folder / "first.txt").write_text("al\n")
    _, output, _ = inprocess.ablate(capsys, "plan", "s.toml")
    assert (
        "the store also holds 6 runs of s on other data of loop.py, which reports keep apart. "
        "To continue there: undo what changed the data\n"
    ) in output


def test_runs_of_a_file_of_ones_own_are_repaired_without_naming_data(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "loop.py").write_text(LOOP)
    (folder / "s.toml").write_text(LOOP_STUDY.format(steps=4))
    assert inprocess.ablate(capsys, "run", "s.toml")[0] == 0
    next(folder.rglob("trace.parquet")).unlink()
    _, output, _ = inprocess.ablate(capsys, "report", "s.toml")
    assert "Train these again: ablate run s.toml --repair\n" in output
