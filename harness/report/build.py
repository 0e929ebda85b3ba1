"""From a study's tables to its report: CSVs first, then figures and text from these alone."""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.analysis.frames import StudyData, write_csv
from harness.errors import UserError, suggest
from harness.report.document import Picture
from harness.report.drawing import Drawing
from harness.report.figures import drawings
from harness.report.picture import FORMATS, inline, render
from harness.report.share import shareable
from harness.report.source import Source
from harness.report.stamp import STAMP, write_stamp
from harness.report.style import settings

DEFAULT_FORMATS = ("png", "svg")


def build(
    data: StudyData,
    folder: Path,
    formats: Sequence[str] = DEFAULT_FORMATS,
    only_figure: str | None = None,
    fingerprint: str = "",
) -> Path:
    """Write a study's report.

    Args:
        data: the study's tables.
        folder: of the report; index.html, report.md, figures/ and data/ are put there.
        formats: of the figures' files.
        only_figure: draw this figure only.
        fingerprint: hash of what the store holds of the study, for `is_current` to compare.

    Returns:
        The file to open: the HTML page, or the figure that was asked for.

    Raises:
        UserError: there are no runs, no such figure or format, or nothing to show in the figure.
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
    if only_figure is not None:
        known = {drawing.name: drawing for drawing in drawings(data.study)}
        if only_figure not in known:
            raise UserError(
                "--figure names a figure of the report", repr(only_figure),
                suggest(only_figure, known, "figures"),
            )  # fmt: skip
        return draw_one(Source(shareable(data)), folder, formats, known[only_figure])

    folder.mkdir(parents=True, exist_ok=True)
    (folder / STAMP).unlink(missing_ok=True)  # first, so that half a report never passes as whole
    for part in ("data", "figures"):
        shutil.rmtree(folder / part, ignore_errors=True)
    shareable(data).write(folder / "data")
    write_report(folder, formats)
    write_stamp(folder, formats, fingerprint, data.study.subject)
    return folder / "index.html"


def write_report(folder: Path, formats: Sequence[str]) -> None:
    """Write everything that follows from the CSVs in `data/`."""
    from harness.report.markup import to_html, to_markdown
    from harness.report.sections import document

    source = Source.load(folder / "data")
    for name, table in source.tables().items():
        write_csv(table, folder / "data" / f"{name}.csv")
    whole = document(source, draw_all(source, folder, formats))
    (folder / "index.html").write_text(to_html(whole), encoding="utf-8")
    (folder / "report.md").write_text(to_markdown(whole), encoding="utf-8")


def draw_one(source: Source, folder: Path, formats: Sequence[str], drawing: Drawing) -> Path:
    """Draw one figure; returns the first of its files.

    Raises:
        UserError: this study has nothing to show in it.
    """
    if source.refused or draw(source, drawing, folder, formats) is None:
        raise UserError(
            "a figure needs something to show",
            f"nothing in study '{source.study.name}' for '{drawing.name}'",
            "Leave --figure out to see what can be reported.",
        )
    return folder / "figures" / f"{drawing.name}.{formats[0]}"


def draw_all(source: Source, folder: Path, formats: Sequence[str]) -> Iterator[tuple[str, Picture]]:
    """Every figure that has something to show, with the heading of its section."""
    for drawing in drawings(source.study):
        picture = None if source.refused else draw(source, drawing, folder, formats)
        if picture is not None:
            yield drawing.section, picture


def draw(source: Source, drawing: Drawing, folder: Path, formats: Sequence[str]) -> Picture | None:
    """Draw a figure and write its files; None if it has nothing to show."""
    with settings():
        figure = drawing.draw(source)
        if figure is None:
            return None
        files = {
            form: render(figure, drawing.name, form) for form in dict.fromkeys(("svg", *formats))
        }
    (folder / "figures").mkdir(parents=True, exist_ok=True)
    for form in formats:
        (folder / "figures" / f"{drawing.name}.{form}").write_bytes(files[form])
    alt = drawing.alt(source)
    return Picture(drawing.name, drawing.title, drawing.caption(source), alt, tuple(formats),
                   inline(files["svg"], alt))  # fmt: skip
