"""`list`, `plan`, `run`, `show`, `sample` and `verify` on one small study, in order."""

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from harness.cli import ablate
from harness.errors import UserError
from harness.notebook import tidy
from harness.subjects.char_mlp import SUBJECT
from tests.conftest import TINY

pytestmark = pytest.mark.usefixtures("few_figures")

ROOT = str(Path(__file__).parents[2])
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
        "Leave out a level, or use [[only]] to say where it has a meaning."
    )
    assert "twin" not in run("plan", "small.toml").output


@pytest.mark.usefixtures("folder")
def test_show_prints_tables_and_the_checklist() -> None:
    output = run("show", "batch · seed 1").output
    assert output.count("layer  1: ") == 2
    assert re.search(r"layer  2: mean [+-]\d\.\d\d, std \d\.\d\d, saturated: \d+\.\d\d%", output)
    assert re.search(r"last weight: -\d\.\d\d", output)
    checks = output.split("checklist\n")[1].strip().splitlines()
    assert len(checks) == 7
    assert all(re.match(r"  (pass|FAIL)  .+: .*\d", f"  {line.strip()}") for line in checks)
    assert "pass  running statistics finite and of the right shape: 120 numbers" in output


@pytest.mark.usefixtures("folder")
def test_a_port_that_is_taken_is_refused_before_anything_starts() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=rf"port must be free.*received {port} .*--port"):
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


@pytest.mark.parametrize(
    ("options", "refused"),
    [
        (["--all", "--latex"], "tables for a paper need comparable runs; received --all with "),
        (["--bins", "--markdown"], "tables for a paper have no histograms; received --bins with "),
    ],
)
@pytest.mark.usefixtures("folder")
def test_tables_for_a_paper_are_of_the_studys_runs_alone(options: list[str], refused: str) -> None:
    with pytest.raises(UserError) as error:
        run("export", "small.toml", *options)
    assert str(error.value) == (
        f"{refused}--latex, --siunitx or --markdown. Leave one of them out."
    )


@pytest.mark.usefixtures("folder")
def test_export_writes_tables_for_a_paper_in_the_forms_asked_for() -> None:
    output = run("export", "small.toml", "--latex", "--markdown").output.splitlines()
    assert output[-2:] == [
        "exports/small/cells.tex, .md: 2 rows", "exports/small/effects.tex, .md: 1 row"
    ]  # fmt: skip
    assert Path("exports/small/effects.md").exists()
    assert (
        Path("exports/small/cells.tex")
        .read_text()
        .startswith("% \\usepackage{booktabs, graphicx}\n")
    )
    assert run("export", "small.toml", "--siunitx", "--to", "paper").output.splitlines()[-2:] == [
        "paper/cells.tex: 2 rows", "paper/effects.tex: 1 row"
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
    once = run(*arguments)
    assert len(once.stdout.splitlines()) == 7
    assert once.stderr == "small: 4 runs: 80 steps, seeds 1-2, words.txt\n"
    assert once.stdout == run(*arguments).stdout != run("sample", "small.toml", "-n", "7").stdout
    assert once.stdout == run("sample", "small.toml", "-n", "7", "norm=none", "seed=1").stdout


@pytest.mark.usefixtures("folder")
def test_a_run_is_named_by_what_one_can_type() -> None:
    first = run("show", "none · seed 2").stdout
    key = re.findall(r"key (\w+)", first)[0]
    for names in ((key[:8],), ("small.toml", "norm=none", "seed=2"), ("small", "seed=2,norm=none")):
        assert run("show", *names).stdout == first
    assert run("show", "small").stdout == run("show", "batch · seed 1").stdout


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("names", "remedy"),
    [
        (("none · sed 2",), "Did you mean 'none · seed 2'? Or name a study and levels: "
                                "ablate show STUDY FACTOR=LEVEL seed=N."),
        (("small", "norms=none"), "Did you mean 'norm'?"),
        (("small", "norm=bach"), "Did you mean 'batch'?"),
        (("small", "seed=x"), "Write seed=1."),
        (("small", "seed=9"),
         "Run it first (ablate run small --seeds 1-2,9), or name another variant or seed."),
        (("smal", "norm=none"), "Write ablate show STUDY FACTOR=LEVEL seed=N."),
    ],
)  # fmt: skip
def test_a_wrong_name_gets_a_suggestion(names: tuple[str, ...], remedy: str) -> None:
    with pytest.raises(UserError) as refused:
        run("show", *names)
    assert refused.value.remedy == remedy


@pytest.mark.usefixtures("folder")
def test_verify_finds_no_deviation_and_says_so() -> None:
    done = run("verify", "small.toml")
    assert done.exit_code == 0
    assert "OFF" not in done.output
    assert done.output.count("in the store") == 2 * 5 + 1
    assert "verified on 2 runs: bit-equal alone, restacked and in the store" in done.output


LIGHT = """
import sys
from click.testing import CliRunner
from harness.cli import ablate
for words in {commands}:
    done = CliRunner().invoke(ablate, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    print(*(name for name in {heavy} if name in sys.modules))
"""


@pytest.mark.usefixtures("folder")
def test_reading_a_local_store_loads_no_more_than_it_needs() -> None:
    """MLflow takes seconds to load, torch and matplotlib one each."""
    commands = [["plan", "small"], ["compare", "small", "norm=none", "norm=batch"],
                ["export", "small"], ["show", "small"], ["sample", "small"]]  # fmt: skip
    heavy = ["mlflow", "matplotlib", "seaborn", "sqlalchemy", "torch", "pandas"]
    script = LIGHT.format(commands=commands, heavy=heavy)
    done = subprocess.run([sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": ROOT},
                          capture_output=True, text=True, check=True)  # fmt: skip
    assert done.stdout.splitlines() == ["", "pandas", "pandas", "pandas", "torch pandas"]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("names", [("small", "norm=none", "norm=batch"), ("small", "other.toml")])
def test_tables_fit_80_columns_and_cut_nothing(
    names: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    if "other.toml" in names:
        shutil.copy("small.toml", "other.toml")
        run("run", "other.toml")
    output = run("compare", *names).output
    assert max(map(len, output.splitlines())) <= 80
    assert "…" not in output


@pytest.mark.usefixtures("folder")
def test_a_narrow_terminal_cuts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = run("compare", "small", "norm=none", "norm=batch").output
    monkeypatch.setenv("COLUMNS", "20")
    assert run("compare", "small", "norm=none", "norm=batch").output == whole


def test_no_line_of_the_help_is_cut() -> None:
    output = CliRunner(env={"COLUMNS": "80"}).invoke(ablate, ["--help"]).output
    assert "..." not in output.partition("Commands:")[2]
    assert max(map(len, output.splitlines())) <= 80


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("ablate plan sm", ["smoke"]),
        ("ablate show smok", ["smoke"]),
        ("ablate show small.toml norm=", ["norm=none", "norm=batch"]),
        ("ablate sample small.toml s", ["seed=1", "seed=2"]),
        ("ablate compare small.toml norm=b", ["norm=batch"]),
    ],
)
def test_a_shell_completes_studies_and_levels(words: str, offered: list[str]) -> None:
    environment = {"COMP_WORDS": words, "COMP_CWORD": str(words.count(" ")),
                   "_ABLATE_COMPLETE": "bash_complete"}  # fmt: skip
    done = CliRunner(env=environment).invoke(ablate, prog_name="ablate")
    assert [line.partition(",")[2] for line in done.output.splitlines()] == offered
