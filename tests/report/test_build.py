import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from harness.analysis.frames import StudyData
from harness.errors import UserError
from harness.report import build
from harness.report.figures import NAMES
from harness.report.stamp import STAMP, is_current
from tests.report.made_up import ONE_FACTOR, made_up

LARGEST = 3_000_000  # bytes of a published report


@pytest.fixture(scope="module")
def small() -> StudyData:
    return made_up(ONE_FACTOR)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_two_builds_are_byte_identical(small: StudyData, tmp_path: Path) -> None:
    first = build(small, tmp_path / "a", ("png", "svg", "pdf"))
    second = build(small, tmp_path / "b", ("png", "svg", "pdf"))
    assert contents(first.folder) == contents(second.folder)


def test_another_process_builds_the_same_bytes(small: StudyData, tmp_path: Path) -> None:
    here = build(small, tmp_path / "here").folder
    code = (
        "import sys; from pathlib import Path; from harness.report import build;"
        "from harness.analysis.frames import StudyData;"
        "build(StudyData.load(Path(sys.argv[1])), Path(sys.argv[2]))"
    )
    subprocess.run(
        [sys.executable, "-c", code, here / "data", tmp_path / "there"], check=True, timeout=200
    )
    assert contents(tmp_path / "there") == contents(here)


def test_the_csvs_alone_suffice(small: StudyData, tmp_path: Path) -> None:
    folder = build(small, tmp_path / "report").folder
    before = contents(folder)
    kept = tmp_path / "kept"
    shutil.copytree(folder / "data", kept)
    shutil.rmtree(folder)
    build(StudyData.load(kept), folder)
    assert contents(folder) == before


def test_nothing_is_remade_when_nothing_changed(small: StudyData, tmp_path: Path) -> None:
    assert build(small, tmp_path).remade
    times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert not build(small, tmp_path).remade
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == times


def test_checking_for_changes_does_not_import_matplotlib(core_report: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from harness.report import build;"
        "from harness.analysis.frames import StudyData;"
        "folder = Path(sys.argv[1]);"
        "assert not build(StudyData.load(folder / 'data'), folder).remade;"
        "sys.exit('matplotlib' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, core_report], check=True, timeout=60)


def test_what_was_lost_or_changed_is_remade(small: StudyData, tmp_path: Path) -> None:
    build(small, tmp_path)
    before = contents(tmp_path)
    expected = json.loads(before[STAMP])["inputs"]
    for name in ("index.html", "report.md", "figures/dev_loss.png", "data/runs.csv", STAMP):
        (tmp_path / name).write_bytes(b"{}")
        assert not is_current(tmp_path, inputs=expected)
        (tmp_path / name).unlink()
        assert not is_current(tmp_path, inputs=expected)
        (tmp_path / name).write_bytes(before[name])
        assert is_current(tmp_path, inputs=expected)
    (tmp_path / "index.html").unlink()
    assert build(small, tmp_path).remade
    assert contents(tmp_path) == before


def test_other_numbers_or_formats_are_remade(small: StudyData, tmp_path: Path) -> None:
    build(small, tmp_path)
    runs = small.runs.assign(**{"final/dev_loss": small.runs["final/dev_loss"] + 0.1})
    assert build(replace(small, runs=runs), tmp_path).remade
    assert build(small, tmp_path, ("png",)).remade
    assert not list(tmp_path.rglob("*.svg"))


def test_one_figure_is_remade_alone(small: StudyData, tmp_path: Path) -> None:
    built = build(small, tmp_path, ("pdf",), only_figure="dev_loss")
    assert list(contents(tmp_path)) == ["figures/dev_loss.pdf"]
    assert built.page.read_bytes().startswith(b"%PDF")


def test_one_figure_is_the_one_of_the_whole_report(
    core: StudyData, core_report: Path, tmp_path: Path
) -> None:
    build(core, tmp_path, only_figure="effects")
    for name, content in contents(tmp_path).items():
        assert content == (core_report / name).read_bytes()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"only_figure": "dev_los"}, "Did you mean 'dev_loss'"),
        ({"formats": ("pgn",)}, "Did you mean 'png'"),
        ({"only_figure": "interaction"}, "needs something to show"),
    ],
)
def test_mistakes_are_told_and_nothing_is_written(
    small: StudyData, tmp_path: Path, options: dict[str, object], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        build(small, tmp_path / "report", **options)  # type: ignore[arg-type]
    assert not (tmp_path / "report").exists()


def test_a_study_without_runs_is_refused(small: StudyData, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="needs runs"):
        build(replace(small, runs=small.runs[:0]), tmp_path / "report")
    assert not (tmp_path / "report").exists()


def test_published_reports_stay_small(reports: Callable[[str], Path]) -> None:
    for folder in (reports("core"), reports("four factors")):
        assert sum(map(len, contents(folder).values())) < LARGEST


def test_no_path_of_this_machine_is_published(small: StudyData, tmp_path: Path) -> None:
    facts = small.facts | {"tracking_uri": "sqlite:////home/someone/mlflow.db"}
    build(replace(small, facts=facts), tmp_path)
    assert not [name for name, content in contents(tmp_path).items() if b"/home/" in content]


def test_every_figure_has_what_it_needs() -> None:
    from harness.report.figures import figure
    from harness.report.sections.running import BEHAVIOUR

    sections = {"effects", "attribution", "interaction", *BEHAVIOUR}
    for name in NAMES:
        module = figure(name)
        assert module.SECTION in sections
        assert module.TITLE
        assert callable(module.caption)
        assert callable(module.alt)
        assert callable(module.draw)


def test_the_stamp_names_every_file_but_itself(core_report: Path) -> None:
    stamp = json.loads((core_report / STAMP).read_text())
    assert set(stamp["outputs"]) == set(contents(core_report)) - {STAMP}
