"""From a study's tables to its report: CSVs first, then figures and text from these alone."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from harness.analysis.frames import StudyData, write_csv
from harness.errors import UserError, suggest
from harness.report import stamp
from harness.report.document import Picture
from harness.report.figures import NAMES
from harness.report.share import shareable
from harness.report.source import Source

FORMATS = ("png", "svg", "pdf")
DEFAULT_FORMATS = ("png", "svg")


@dataclass(frozen=True)
class Built:
    """What became of a report.

    Attributes:
        folder: where it is.
        page: what to open first: the HTML page, or the figure that was asked for.
        remade: False if nothing had changed.
    """

    folder: Path
    page: Path
    remade: bool


def build(
    data: StudyData,
    folder: Path,
    formats: Sequence[str] = DEFAULT_FORMATS,
    only_figure: str | None = None,
    store: str = "",
) -> Built:
    """Write a study's report, or leave it if nothing has changed.

    Args:
        data: the study's tables.
        folder: of the report; index.html, report.md, figures/ and data/ are put there.
        formats: of the figures' files.
        only_figure: remake this figure only.
        store: a hash of what the store holds of the study, for `unchanged` to compare.

    Raises:
        UserError: there are no runs, or no such figure or format.
    """
    check(data, formats, only_figure)
    source = stamp.source(store, formats)
    if only_figure is not None:
        return build_figure(Source(shareable(data)), folder, formats, only_figure)
    with TemporaryDirectory() as temporary:
        tables = Path(temporary)
        shareable(data).write(tables)
        expected = stamp.inputs(tables, formats)
        page = folder / "index.html"
        if stamp.is_current(folder, inputs=expected):
            return Built(folder, page, remade=False)
        clear(folder)
        shutil.copytree(tables, folder / "data", copy_function=shutil.copyfile)
    files = write_report(folder, formats)
    stamp.write_stamp(folder, files, inputs=expected, source=source)
    return Built(folder, page, remade=True)


def unchanged(folder: Path, formats: Sequence[str], store: str) -> bool:
    """Whether the report in the folder is what `build` would make of the same store again."""
    return stamp.is_current(folder, source=stamp.source(store, formats))


def check(data: StudyData, formats: Sequence[str], only_figure: str | None) -> None:
    """Refuse what cannot be done, before anything is written.

    Raises:
        UserError: there are no runs, or no such figure or format.
    """
    name = data.study.name
    if data.runs.empty:
        raise UserError(
            "a report needs runs", f"none of study '{name}'", f"Run `ablate run {name}`."
        )
    for form in formats:
        if form not in FORMATS:
            raise UserError(
                "--format takes formats of figures", repr(form), suggest(form, FORMATS, "formats")
            )
    if only_figure is not None and only_figure not in NAMES:
        raise UserError(
            "--figure names a figure of the report", repr(only_figure),
            suggest(only_figure, NAMES, "figures"),
        )  # fmt: skip


def clear(folder: Path) -> None:
    """Take away what an earlier report left: its stamp first, so that no half of one passes."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / stamp.STAMP).unlink(missing_ok=True)
    for part in ("data", "figures"):
        shutil.rmtree(folder / part, ignore_errors=True)


def write_report(folder: Path, formats: Sequence[str]) -> list[str]:
    """Write everything that follows from the CSVs in `data/`; returns the files of the report."""
    from harness.report.markup import to_html, to_markdown
    from harness.report.sections import document

    source = Source.load(folder / "data")
    for name, table in source.tables().items():
        write_csv(table, folder / "data" / f"{name}.csv")
    whole = document(source, pictures(source, folder, formats))
    (folder / "index.html").write_text(to_html(whole), encoding="utf-8")
    (folder / "report.md").write_text(to_markdown(whole), encoding="utf-8")
    return [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]


def pictures(source: Source, folder: Path, formats: Sequence[str]) -> dict[str, list[Picture]]:
    """Draw every figure that has something to show; by section."""
    from harness.report.figures import figure, in_order

    drawn: dict[str, list[Picture]] = {}
    for name in in_order():
        picture = None if source.refused else draw(source, name, folder, formats)
        if picture is not None:
            drawn.setdefault(figure(name).SECTION, []).append(picture)
    return drawn


def draw(source: Source, name: str, folder: Path, formats: Sequence[str]) -> Picture | None:
    """Draw a figure and write its files; None if it has nothing to show."""
    from harness.report.canvas import settings
    from harness.report.figures import figure
    from harness.report.picture import inline, render

    module = figure(name)
    with settings():
        drawing = module.draw(source)
        if drawing is None:
            return None
        files = {form: render(drawing, name, form) for form in dict.fromkeys(("svg", *formats))}
    (folder / "figures").mkdir(parents=True, exist_ok=True)
    for form in formats:
        (folder / "figures" / f"{name}.{form}").write_bytes(files[form])
    alt = module.alt(source)
    return Picture(name, module.TITLE, module.caption(source), alt, tuple(formats),
                   inline(files["svg"], alt))  # fmt: skip


def build_figure(source: Source, folder: Path, formats: Sequence[str], name: str) -> Built:
    """Remake one figure.

    Raises:
        UserError: this study has nothing to show in it.
    """
    if source.refused or draw(source, name, folder, formats) is None:
        raise UserError(
            "a figure needs something to show",
            f"nothing in study '{source.study.name}' for '{name}'",
            "Leave --figure out to see what can be reported.",
        )  # fmt: skip
    return Built(folder, folder / "figures" / f"{name}.{formats[0]}", remade=True)
