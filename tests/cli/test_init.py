"""`ablate init`: what it writes is a study that passes the check, and nothing is overwritten."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from harness.cli import ablate
from harness.errors import UserError
from harness.study.files import load_study
from tests.conftest import TINY


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "words.txt").write_text("\n".join(TINY.split()))
    (tmp_path / ".git").mkdir()
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ABLATE_DATA", "words.txt")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(ablate, arguments, catch_exceptions=False)


def test_a_study_file_is_found_by_name_and_can_be_planned(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("init", "first").output == (
        "ablations/first.toml\nnext: ablate check first; ablate run first --report\n"
    )
    assert "4 variants × 5 seeds = 20 runs, 0 of them ended" in run("plan", "first").output
    assert load_study("first").model_fields_set >= {"baseline", "bare", "claims", "fixed"}
    assert "first " in run("list").output
    monkeypatch.chdir(place / "below")  # the project's ablations/ are above
    assert run("init", "second").output.startswith(f"{place}/ablations/second.toml\n")
    assert load_study("first").name == "first"


def test_a_study_with_a_model_passes_the_check(place: Path) -> None:
    assert run("init", "mine", "--model").output.startswith(
        "ablations/mine.py\nablations/mine.toml\n"
    )
    output = run("check", "mine").output
    assert output.count("  ok  ") > 4
    assert {line for line in output.splitlines() if line.startswith("norm")} == {
        "norm false, tanh", "norm false, relu", "norm true, tanh",
    }  # fmt: skip
    assert {path.name for path in (place / "ablations").glob("*.*")} == {"mine.py", "mine.toml"}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("core", "NAME must be new, because no file is overwritten; received …core.toml."),
        ("mine", "NAME must be new, because no file is overwritten; received …mine.toml."),
        ("taken", "NAME must be new, because no file is overwritten; received …taken.py."),
        ("../x", "NAME must consist of letters, digits and underscores, 80 at most, and not begin "
                 "with a digit; received '../x'."),
        ("x" * 81, "NAME must consist of letters, digits and underscores, 80 at most, and not "
                   "begin with a digit; received 'xxx…xxx."),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("place")
def test_nothing_is_overwritten(name: str, message: str) -> None:
    run("init", "mine")
    (Path("ablations") / "taken.py").write_text("# mine\n")
    before = {path: path.read_text() for path in Path("ablations").iterdir()}
    with pytest.raises(UserError) as refused:
        run("init", name, "--model")
    begins, _, ends = message.partition("…")
    assert str(refused.value).startswith(begins)
    assert f"{ends} " in str(refused.value)
    assert {path: path.read_text() for path in Path("ablations").iterdir()} == before


@pytest.mark.usefixtures("place")
def test_a_name_that_is_too_long_for_the_file_system_is_told_as_such() -> None:
    with pytest.raises(OSError, match="File name too long"):  # the command line says so, exit 2
        run("init", "\N{CJK UNIFIED IDEOGRAPH-6F22}" * 80)


def test_a_study_that_cannot_be_used_does_not_hide_the_others(place: Path) -> None:
    run("init", "good")
    (place / "ablations" / "bad.toml").write_text("question =")
    (place / "ablations" / "folder.toml").mkdir()
    (place / "ablations" / "nowhere.toml").symlink_to("nothing")
    listed = run("list")
    assert {"good", "smoke"} <= {line.split()[0] for line in listed.stdout.splitlines() if line}
    said = [line for line in listed.stderr.splitlines() if line.startswith("not listed: ")]
    assert len(said) == 3
    assert said[0].startswith("not listed: study 'bad' must be TOML in UTF-8; received ")


@pytest.mark.usefixtures("place")
def test_a_model_file_is_not_checked_on_other_data_without_a_word() -> None:
    run("init", "mine", "--model")
    assert "  ok  " in run("check", "ablations/mine.py").output  # ABLATE_DATA is not for it
    with pytest.raises(UserError, match=r"mine\.py: the file itself must define its data"):
        run("check", "ablations/mine.py", "--data", "words.txt")
