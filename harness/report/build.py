"""From a study's tables to its report: CSVs first, then figures and text from these alone."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.analysis.frames import StudyData, read_csv, write_csv
from harness.errors import UserError, suggest
from harness.report.bibtex import bibtex
from harness.report.document import Picture
from harness.report.drawing import Drawing
from harness.report.figures import drawings
from harness.report.marks import without_marks
from harness.report.picture import FORMATS, LAID_OUT, ONE_COLUMN, inline, pdf, render
from harness.report.share import shareable
from harness.report.source import Source
from harness.report.stamp import hash_inputs, put_files, require_own
from harness.report.style import settings

DEFAULT_FORMATS = ("png", "svg")


def build(
    data: StudyData,
    folder: Path,
    formats: Sequence[str] = DEFAULT_FORMATS,
    only_figure: str | None = None,
    fingerprint: str = "",
    also: Mapping[str, str] | None = None,
) -> Path:
    """Write a study's report, in the place of an earlier one.

    Args:
        data: the study's tables.
        folder: of the report; index.html, report.md, figures/ and data/ are put there.
        formats: of the figures' files; "pdf" gives one for two columns of a paper and one for one.
        only_figure: draw this figure only.
        fingerprint: hash of what the store holds of the study, for `is_current` to compare.
        also: texts of further files, by name.

    Returns:
        The file to open: the HTML page, or the figure that was asked for.

    Raises:
        UserError: there are no runs, no such figure or format, or nothing to show in the figure;
            or the folder is that of other files, or cannot be written.
    """
    name, subject = data.study.name, data.study.subject
    if data.runs.empty:
        raise UserError(
            "a report needs runs", f"none of study '{name}'", "Run them first (ablate run STUDY)."
        )
    for form in formats:
        if form not in FORMATS:
            raise UserError(
                "--format must list formats of figures",
                repr(form),
                suggest(form, FORMATS, "formats"),
            )
    require_own(folder)
    with tempfile.TemporaryDirectory(prefix="ablate-") as scratch:
        made = Path(scratch)
        for file, text in (also or {}).items():
            (made / file).write_text(text, encoding="utf-8")
        if only_figure is not None:
            page = _build_figure(Source(shareable(data)), made, formats, only_figure)
            put_files(made, folder, None, subject)
        else:
            page = _build_whole(data, made, formats)
            put_files(made, folder, hash_inputs(fingerprint, formats, subject), subject)
    return folder / page


def _build_whole(data: StudyData, folder: Path, formats: Sequence[str]) -> str:
    """Make the whole report in an empty folder; returns the file to open."""
    from harness.report.markup import to_html, to_markdown
    from harness.report.sections import document
    from harness.report.sections.methods import works

    shareable(data).write(folder / "data")
    source = Source.load(folder / "data")
    for table_name, table in source.tables().items():
        write_csv(table, folder / "data" / f"{table_name}.csv")
    pictures = [
        (drawing.section, picture)
        for drawing in drawings(source.study)
        if not source.refused and (picture := _draw(source, drawing, folder, formats))
    ]
    whole = document(source, pictures)
    (folder / "index.html").write_text(to_html(whole), encoding="utf-8")
    (folder / "report.md").write_text(to_markdown(whole), encoding="utf-8")
    (folder / "references.bib").write_text(bibtex(works(source)), encoding="utf-8")
    return "index.html"


def refusals(folder: Path) -> list[str]:
    """Why the runs of a report that was written cannot be compared; none where they can."""
    found = read_csv(folder / "data" / "integrity.csv")
    return [str(message) for message in found.loc[found["severity"] == "refuse", "message"]]


def _build_figure(source: Source, folder: Path, formats: Sequence[str], name: str) -> str:
    """Draw one figure; returns the first of its files."""
    known = {drawing.name: drawing for drawing in drawings(source.study)}
    if name not in known:
        hint = suggest(name, known, "figures")
        raise UserError("--figure must name a figure of the report", repr(name), hint)
    if source.refused or _draw(source, known[name], folder, formats) is None:
        raise UserError(
            "a figure needs data to show",
            f"study '{source.study.name}', which has none for '{name}'",
            "Leave --figure out to write the report.",
        )
    return f"figures/{name}.{formats[0]}"


def _draw(source: Source, drawing: Drawing, folder: Path, formats: Sequence[str]) -> Picture | None:
    """Draw a figure and write its files; None if it has nothing to show."""
    with settings():
        figure = drawing.draw(source)
        if figure is None:
            return None
        files = {form: render(figure, drawing.name, form)
                 for form in dict.fromkeys(("svg", *formats))}  # fmt: skip
    page = inline(files["svg"], drawing.alt(source))
    files["svg"] = without_marks(files["svg"])
    written = {f"{drawing.name}.{form}": files[form] for form in formats}
    if "pdf" in formats:
        with settings(LAID_OUT):
            if narrow := drawing.draw(source):
                written[f"{drawing.name}-single.pdf"] = pdf(narrow, ONE_COLUMN)
    (folder / "figures").mkdir(parents=True, exist_ok=True)
    for name, content in written.items():
        (folder / "figures" / name).write_bytes(content)
    return Picture(drawing.name, drawing.title, drawing.caption(source), drawing.alt(source),
                   tuple(written), page)  # fmt: skip
