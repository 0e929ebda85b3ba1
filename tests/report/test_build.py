import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest

from harness.analysis.frames import StudyData
from harness.errors import UserError
from harness.report import FORMATS, build, is_current
from harness.report import stamp as stamps
from harness.report.drawing import Drawing
from harness.report.figures import drawings
from harness.report.stamp import PACKAGE, STAMP, hash_code, subject_code
from harness.study.study import Study
from tests.report.conftest import WITH_PNG
from tests.support.made_up import ONE_FACTOR, made_up

LARGEST = 3_000_000  # bytes of a published report


@pytest.fixture(scope="module")
def small() -> StudyData:
    return made_up(ONE_FACTOR)


@pytest.fixture
def two_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports have two figures: enough where their files are looked at, not what they show."""

    def two(study: Study) -> list[Drawing]:
        return [drawn for drawn in drawings(study) if drawn.name in ("final_loss", "dev_loss")]

    # the package's function `build` hides the module of that name
    monkeypatch.setattr(import_module("harness.report.build"), "drawings", two)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.usefixtures("two_figures")
def test_two_builds_are_byte_identical(small: StudyData, tmp_path: Path) -> None:
    build(small, tmp_path / "a", FORMATS)  # all figures: in another process, below
    build(small, tmp_path / "b", FORMATS)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_another_process_builds_the_same_bytes(small: StudyData, tmp_path: Path) -> None:
    build(small, tmp_path / "here")
    code = (
        "import sys; from pathlib import Path; from harness.report import FORMATS, build;"
        "from harness.analysis.frames import StudyData;"
        "build(StudyData.load(Path(sys.argv[1])), Path(sys.argv[2]))"
    )
    folders = (tmp_path / "here" / "data", tmp_path / "there")
    subprocess.run([sys.executable, "-c", code, *folders], check=True, timeout=200)
    assert contents(tmp_path / "there") == contents(tmp_path / "here")


def test_the_csvs_alone_suffice(small: StudyData, tmp_path: Path) -> None:
    folder = tmp_path / "report"
    build(small, folder)
    before = contents(folder)
    kept = tmp_path / "kept"
    shutil.copytree(folder / "data", kept)
    shutil.rmtree(folder)
    build(StudyData.load(kept), folder)
    assert contents(folder) == before


@pytest.mark.usefixtures("two_figures")
def test_a_report_is_current_until_its_runs_or_formats_change(
    small: StudyData, tmp_path: Path
) -> None:
    build(small, tmp_path, ("png", "svg"), fingerprint="what the store holds")
    assert is_current(tmp_path, ("svg", "png"), "what the store holds")
    assert not is_current(tmp_path, ("png", "svg"), "something else")
    assert not is_current(tmp_path, ("png",), "what the store holds")
    assert not is_current(tmp_path / "elsewhere", ("png", "svg"), "what the store holds")


@pytest.mark.usefixtures("two_figures")
def test_a_file_that_became_a_link_is_replaced_and_not_written_through(
    small: StudyData, tmp_path: Path
) -> None:
    folder, own = tmp_path / "report", tmp_path / "own.md"
    build(small, folder)
    (folder / "report.md").rename(own)
    (folder / "report.md").symlink_to(own)
    own.write_text("mine\n")
    build(small, folder)
    assert own.read_text() == "mine\n"
    assert not (folder / "report.md").is_symlink()


def test_checking_for_changes_does_not_import_matplotlib(core_report: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from harness.report import is_current;"
        "assert is_current(Path(sys.argv[1]), ('png', 'svg'), '');"
        "sys.exit('matplotlib' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, core_report], check=True, timeout=60)


@pytest.mark.usefixtures("two_figures")
def test_a_report_that_lost_a_file_or_was_edited_is_not_current(
    small: StudyData, tmp_path: Path
) -> None:
    build(small, tmp_path)
    before = contents(tmp_path)
    for name in ("index.html", "report.md", "figures/dev_loss.png", "data/runs.csv", STAMP):
        for damage in (b"{}", b"[]", b'"'):
            (tmp_path / name).write_bytes(damage)
            assert not is_current(tmp_path, ("png", "svg"), "")
        (tmp_path / name).unlink()
        assert not is_current(tmp_path, ("png", "svg"), "")
        (tmp_path / name).write_bytes(before[name])
        assert is_current(tmp_path, ("png", "svg"), "")
    (tmp_path / "index.html").unlink()
    build(small, tmp_path)
    assert contents(tmp_path) == before


@pytest.mark.usefixtures("two_figures")
def test_a_change_of_any_code_makes_reports_outdated(
    small: StudyData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "harness"
    shutil.copytree(PACKAGE, copy, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    assert hash_code(copy) == hash_code(PACKAGE)
    monkeypatch.setattr(stamps, "PACKAGE", copy)
    build(small, tmp_path / "report")

    def current() -> bool:
        hash_code.cache_clear()
        return is_current(tmp_path / "report", ("png", "svg"), "")

    files = [path for path in copy.rglob("*") if path.is_file()]
    for name in ("study/claims.py", "study/levels.py", "study/seeds.py",
                 "subjects/char_mlp/fields.py", "report/report.html.jinja"):  # fmt: skip
        assert copy / name in files
    for path in files:
        content = path.read_bytes()
        path.write_bytes(content + b"\n")
        assert not current(), path
        path.write_bytes(content)
    assert current()
    (copy / "study" / "new.py").touch()
    assert not current()


def test_the_code_of_a_subject_outside_the_package_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a_package" / "inner").mkdir(parents=True)
    for name in ("__init__.py", "inner/__init__.py", "module.py"):
        (tmp_path / "a_package" / name).touch()
    monkeypatch.syspath_prepend(tmp_path)
    assert subject_code("char_mlp") == PACKAGE
    assert subject_code("a_package.module") == tmp_path / "a_package" / "module.py"
    assert subject_code("a_package.inner") == tmp_path / "a_package" / "inner"
    before = stamps.hash_inputs("", (), "a_package.module")
    (tmp_path / "a_package" / "module.py").write_text("x = 1")
    hash_code.cache_clear()
    assert stamps.hash_inputs("", (), "a_package.module") != before


@pytest.mark.usefixtures("two_figures")
def test_other_numbers_or_formats_replace_a_report(small: StudyData, tmp_path: Path) -> None:
    build(small, tmp_path)
    before = contents(tmp_path)
    runs = small.runs.assign(**{"final/dev_loss": small.runs["final/dev_loss"] + 0.1})
    build(replace(small, runs=runs), tmp_path, ("png",))
    assert not list(tmp_path.rglob("*.svg"))
    for name in ("index.html", "report.md", "data/means.csv", "figures/final_loss.png"):
        assert (tmp_path / name).read_bytes() != before[name]


def put(folder: Path, name: str) -> None:
    """A file of one's own, where a report is to be written."""
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("mine")


@pytest.mark.usefixtures("two_figures")
def test_what_no_report_wrote_is_left_alone(small: StudyData, tmp_path: Path) -> None:
    mine = ("data/raw_measurements.csv", "figures/fig1.tex", "figures/sketch.svg", "notes.txt")
    build(small, tmp_path, ("svg",))
    for name in mine:
        put(tmp_path, name)
    for formats in (("svg",), ("png",)):
        build(small, tmp_path, formats)
        assert {name: contents(tmp_path)[name] for name in mine} == dict.fromkeys(mine, b"mine")
    assert not list(tmp_path.glob("figures/dev_loss.svg"))


@pytest.mark.parametrize("figure", [None, "dev_loss"])
@pytest.mark.parametrize("name", ["notes.txt", "index.html", STAMP, "data"])
def test_a_report_is_written_into_no_folder_of_other_files(
    small: StudyData, tmp_path: Path, name: str, figure: str | None
) -> None:
    put(tmp_path, ".git/config")
    put(tmp_path, name)
    with pytest.raises(UserError) as error:
        build(small, tmp_path, only_figure=figure)
    assert str(error.value) == (
        f"a report needs its own folder; received {tmp_path}, which has no report, but {name}."
        f" Name a new folder, for example --output {tmp_path}/report"
    )
    assert contents(tmp_path) == {".git/config": b"mine", name: b"mine"}


@pytest.mark.usefixtures("two_figures")
@pytest.mark.parametrize("name", ["index.html", "data/runs.csv", "figures/dev_loss.svg", "data"])
def test_a_report_replaces_no_file_of_ones_own(small: StudyData, tmp_path: Path, name: str) -> None:
    build(small, tmp_path, ("svg",), only_figure="final_loss")
    put(tmp_path, name)
    before = contents(tmp_path)
    with pytest.raises(UserError, match=f"{name}, which no report wrote"):
        build(small, tmp_path)
    assert contents(tmp_path) == before


def test_a_folder_that_cannot_be_written_is_refused(small: StudyData, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="the folder of a report must be writable"):
        build(small, tmp_path / "file" / "report")


@pytest.mark.usefixtures("two_figures")
def test_one_figure_is_remade_alone(small: StudyData, tmp_path: Path) -> None:
    drawn = build(small, tmp_path, ("pdf",), only_figure="dev_loss")
    files = {"figures/dev_loss.pdf", "figures/dev_loss-single.pdf"}
    assert set(contents(tmp_path)) == {*files, STAMP}
    assert drawn.read_bytes().startswith(b"%PDF")
    assert not is_current(tmp_path, ("pdf",), "")
    build(small, tmp_path, ("pdf",))
    assert is_current(tmp_path, ("pdf",), "")
    build(small, tmp_path, ("pdf",), only_figure="dev_loss")
    assert is_current(tmp_path, ("pdf",), "")


def test_figures_for_papers_have_the_widths_of_columns_and_their_fonts(
    small: StudyData, tmp_path: Path
) -> None:
    build(small, tmp_path, ("pdf",), only_figure="dev_loss")
    for name, points in (("dev_loss", 7.0 * 72), ("dev_loss-single", 3.5 * 72)):
        content = (tmp_path / "figures" / f"{name}.pdf").read_bytes()
        (box,) = re.findall(rb"/MediaBox \[ 0 0 (\S+) \S+ \]", content)
        assert float(box) == points
        assert b"/FontFile2" in content  # TrueType, embedded
        assert b"/Type3" not in content


def test_one_figure_is_the_one_of_the_whole_report(
    core: StudyData, core_report: Path, tmp_path: Path
) -> None:
    build(core, tmp_path, only_figure="effects")
    drawn = contents(tmp_path / "figures")
    assert drawn
    for name, content in drawn.items():
        assert content == (core_report / "figures" / name).read_bytes()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"only_figure": "dev_los"}, "Did you mean 'dev_loss'"),
        ({"formats": ("pgn",)}, "Did you mean 'png'"),
        ({"only_figure": "interaction"}, "needs data to show"),
    ],
)
def test_what_cannot_be_built_is_refused_and_nothing_is_written(
    small: StudyData, tmp_path: Path, options: dict[str, object], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        build(small, tmp_path / "report", **options)  # type: ignore[arg-type]
    assert not (tmp_path / "report").exists()


def test_a_study_without_runs_is_refused(small: StudyData, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="needs runs"):
        build(replace(small, runs=small.runs[:0]), tmp_path / "report")
    assert not (tmp_path / "report").exists()


@pytest.mark.parametrize("shape", WITH_PNG)
def test_published_reports_stay_small(shape: str, reports: Callable[[str], Path]) -> None:
    assert sum(map(len, contents(reports(shape)).values())) < LARGEST


def test_no_path_of_this_machine_is_published(small: StudyData, tmp_path: Path) -> None:
    facts = small.facts | {"tracking_uri": "sqlite:////home/someone/mlflow.db"}
    build(replace(small, facts=facts), tmp_path)
    assert not [name for name, content in contents(tmp_path).items() if b"/home/" in content]


def test_figures_have_names_of_their_own_and_words(small: StudyData) -> None:
    found = drawings(small.study)
    assert len({drawing.name for drawing in found}) == len(found)
    assert all(drawing.section and drawing.title for drawing in found)
    general = {path.stem for path in (PACKAGE / "report" / "figures").glob("[!_]*.py")}
    assert general == {"answer", "attribution", "effects", "failures", "final_loss", "interaction",
                       "stability", "tuning"}  # fmt: skip
    declared = {figure.name for figure in small.study.model.figures}
    assert {drawing.name for drawing in found} == general | declared


def test_the_stamp_names_every_file_but_itself(core_report: Path) -> None:
    stamp = json.loads((core_report / STAMP).read_text())
    assert set(stamp["files"]) == set(contents(core_report)) - {STAMP}


@pytest.mark.usefixtures("two_figures")
def test_files_and_folders_of_a_report_honour_the_umask(small: StudyData, tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        build(small, tmp_path / "report")
        build(small, tmp_path / "report")
    finally:
        os.umask(before)
    modes = {path: path.stat().st_mode & 0o777 for path in (tmp_path / "report").rglob("*")}
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o750}
    assert {mode for path, mode in modes.items() if path.is_file()} == {0o640}
