"""`list`, `plan`, `run`, `show`, `sample` and `verify` on one small study, in order."""

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from harness.cli import ablate
from harness.errors import UserError
from harness.notebook import tidy
from harness.subjects.char_mlp import SUBJECT
from tests.conftest import TINY

STUDY = """
question = "Small enough for tests?"
seeds = 2
[fixed]
steps = 80
depth = 2
width = 16
[factors]
norm = ["none", "batch"]
[baseline]
norm = "batch"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A directory with a trained study."""
    folder = tmp_path_factory.mktemp("commands")
    (folder / "small.toml").write_text(STUDY)
    (folder / "words.txt").write_text("\n".join(TINY.split()))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("ABLATE_DATA", "words.txt")
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        before = run("plan", "small.toml")
        assert "2 variants × 2 seeds = 4 runs, 0 of them ended" in before.output
        assert not (folder / "mlflow.db").exists()
        trained = run("run", "small.toml", "--workers", "1")
        assert trained.exit_code == 0, trained.output
        assert "all 4 runs have ended, 4 of them now." in trained.output
        yield folder


def run(*arguments: str) -> Result:
    return CliRunner().invoke(ablate, arguments, catch_exceptions=False)


def test_list_names_every_study() -> None:
    output = run("list").output
    for name in ("core", "final_loss", "smoke"):
        assert re.search(rf"^{name} +[\d,]+ runs  .+\?", output, re.MULTILINE)


@pytest.mark.usefixtures("folder")
def test_a_finished_study_has_nothing_to_train() -> None:
    assert "nothing to train" in run("plan", "small.toml").output
    again = run("run", "small.toml")
    assert again.exit_code == 0
    assert "all 4 runs have ended already; nothing to train." in again.output


@pytest.mark.usefixtures("folder")
def test_more_seeds_train_only_what_is_new() -> None:
    assert "to train: 2 runs" in run("plan", "small.toml", "--seeds", "3").output


@pytest.mark.usefixtures("folder")
def test_plan_names_variants_that_cannot_differ() -> None:
    drops = "lr_drop = [0.1, 1.0]\nlr_drop_at = [0.5, 0.75]\n[baseline]\nlr_drop = 0.1\n"
    text = STUDY.replace('norm = ["none", "batch"]\n[baseline]\n', drops)
    Path("drops.toml").write_text(text.replace('norm = "batch"', "lr_drop_at = 0.75"))
    lines = run("plan", "drops.toml").output.splitlines()
    place = lines.index("4 variants × 2 seeds = 8 runs, 0 of them ended")
    assert lines[place + 1] == (
        "1 variant is another's twin, trained to the same bits and counted once by claims: "
        "lr_drop 1, lr_drop_at 0.5 = lr_drop 1, lr_drop_at 0.75 (without effect: lr_drop_at). "
        "Leave out a level, or say where it has a meaning with [[only]]."
    )
    assert "twin" not in run("plan", "small.toml").output


@pytest.mark.usefixtures("folder")
def test_show_prints_tables_and_the_checklist() -> None:
    output = run("show", "batch · seed 1").output
    assert output.count("layer  1: ") == 2
    assert re.search(r"layer  2: mean [+-]\d\.\d\d, std \d\.\d\d, saturated: \d+\.\d\d%", output)
    assert re.search(r"last weight: -\d\.\d\d", output)
    checks = output.split("checklist\n")[1].strip().splitlines()
    assert len(checks) == 8
    assert all(re.match(r"  (pass|FAIL)  .+: .*\d", f"  {line.strip()}") for line in checks)
    assert "pass  running statistics finite and of the right shape: 120 numbers" in output


@pytest.mark.usefixtures("folder")
def test_a_port_that_is_taken_is_refused_before_anything_starts() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=rf"the port must be free; received {port}.*--port"):
            run("ui", "--port", str(port))


def test_reading_commands_create_no_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("MLFLOW_TRACKING_URI", "ABLATE_DATA"):
        monkeypatch.delenv(name, raising=False)
    for arguments in (["show", "x"], ["sample", "core"], ["export", "core"], ["report", "core"]):
        with pytest.raises(UserError, match="no store at"):
            run(*arguments)
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("folder")
def test_run_with_report_writes_it_once() -> None:
    first = run("run", "small.toml", "--report").output
    assert first.endswith("small: 4 runs read\nreports/small/index.html\n")
    assert run("run", "small.toml", "--report").output.endswith("(nothing has changed)\n")


@pytest.mark.usefixtures("folder")
def test_export_writes_tables_for_a_paper_in_the_forms_asked_for() -> None:
    names = [f"exports/small/{name}.{form}" for name in ("cells", "effects")
             for form in ("tex", "md")]  # fmt: skip
    output = run("export", "small.toml", "--latex", "--markdown").output.splitlines()
    assert output[-4:] == names
    assert Path(names[0]).read_text().startswith("% \\usepackage{booktabs}\n")
    assert run("export", "small.toml", "--siunitx", "--to", "paper").output.splitlines()[-2:] == [
        "paper/cells.tex", "paper/effects.tex"
    ]  # fmt: skip
    assert "\\num{" in Path("paper/cells.tex").read_text()
    assert not list(Path("exports/small").glob("*.csv"))


@pytest.mark.usefixtures("folder")
def test_a_notebook_gets_every_response_of_every_run() -> None:
    frame = tidy("small")
    assert len(frame) == 4 * len(SUBJECT.responses)
    assert set(frame["norm"]) == {"none", "batch"}
    assert frame.loc[frame["response"] == "final/dev_loss", "value"].notna().all()


@pytest.mark.usefixtures("folder")
def test_sample_writes_as_many_names_as_requested_and_the_same_again() -> None:
    arguments = ("sample", "small.toml", "-n", "7", "--variant", "norm=none")
    once = run(*arguments).output
    assert len(once.splitlines()) == 7
    assert once == run(*arguments).output != run("sample", "small.toml", "-n", "7").output


@pytest.mark.usefixtures("folder")
def test_verify_finds_no_deviation_and_says_so() -> None:
    done = run("verify", "small.toml")
    assert done.exit_code == 0
    assert "OFF" not in done.output
    assert done.output.count("in the store") == 2 * 5 + 1
    assert "verified on 2 runs: bit-equal alone, restacked and in the store" in done.output
