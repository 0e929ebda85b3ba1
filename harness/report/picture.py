"""From a figure to the bytes of its files: the same bytes each time it is drawn."""

from __future__ import annotations

import re
from io import BytesIO
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import numpy as np

from harness.report.marks import write_marks
from harness.report.style import BLUE, DPI, INK, PAPER

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NO_METADATA: dict[str, dict[str, None]] = {
    "png": {},
    "svg": {"Date": None, "Creator": None, "Format": None, "Type": None},
    "pdf": {"CreationDate": None, "Producer": None, "Creator": None},
}
FORMATS = tuple(NO_METADATA)
POINTS = 72  # to an inch
ONE_COLUMN, TWO_COLUMNS = 3.5, 7.0  # inches that figures in a paper are wide
LAID_OUT = 5.0  # inches at which a figure for one column is drawn before it is made smaller
PNG_COLOURS = 128
JOINED = {"clip-path", "data-of"}  # what a group may say and still be joined with its neighbour
SVG = "http://www.w3.org/2000/svg"
ON_THE_PAGE = {INK: "var(--ink)", BLUE: "var(--blue)", PAPER: "var(--paper)"}  # light and dark


def render(figure: Figure, name: str, form: str) -> bytes:
    """The figure as a file of that format, without dates and with stable identifiers.

    Args:
        figure: drawn.
        name: of the figure; keeps its SVG's identifiers apart from other figures'.
        form: one of `FORMATS`.
    """
    import matplotlib as mpl

    if form == "png":
        return png(figure)
    if form == "pdf":
        return pdf(figure, TWO_COLUMNS)
    stream = BytesIO()
    with mpl.rc_context({"svg.hashsalt": name}):
        figure.savefig(stream, format=form, dpi=DPI, metadata=NO_METADATA[form])
    return compact_svg(stream.getvalue(), name)


def pdf(figure: Figure, width: float) -> bytes:
    """The figure as a PDF that is so many inches wide, text and all else in proportion."""
    import matplotlib.backends.backend_pdf as typed

    backend: Any = typed  # matplotlib's backends are untyped
    wide, high = figure.get_size_inches()
    scale, stream = width / wide, BytesIO()
    figure.set_dpi(POINTS)
    file = backend.PdfFile(stream, metadata=NO_METADATA["pdf"])
    file.newPage(wide * scale, high * scale)
    file.width, file.height = wide, high  # what lies outside is left out, before it is scaled
    file.output(scale, 0, 0, scale, 0, 0, backend.Op.concat_matrix)
    renderer = backend.RendererPdf(file, POINTS, high, wide)
    figure.draw(backend.MixedModeRenderer(figure, wide, high, POINTS, renderer))
    renderer.finalize()
    file.finalize()
    file.close()
    return stream.getvalue()


def png(figure: Figure) -> bytes:
    """The figure as a PNG of few colours: a third of the size, and no visible difference."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    figure.set_dpi(DPI)
    canvas: Any = FigureCanvasAgg(figure)  # matplotlib's canvas is untyped
    canvas.draw()
    image = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    few = image.quantize(PNG_COLOURS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    stream = BytesIO()
    few.save(stream, format="png", optimize=True, dpi=(DPI, DPI))
    return stream.getvalue()


def compact_svg(svg: bytes, name: str) -> bytes:
    """The SVG in half the bytes, so that a report of a dozen figures stays small.

    Coordinates are rounded to a tenth of a point, and each style is written once. Groups lose their
    identifiers, which nothing refers to and all of matplotlib's figures have in common, but for the
    marks in them, and neighbours of one kind become one; styles apply within this figure alone.
    """
    root = ElementTree.fromstring(svg)  # noqa: S314 - written by matplotlib
    root.set("id", f"svg-{name}")
    styles: dict[str, str] = {}
    for element in root.iter():
        element.tail = None
        element.text = element.text if element.text and element.text.strip() else None
        if element.tag == f"{{{SVG}}}g":
            write_marks(element)
        for attribute in element.attrib.keys() & {"d", "x", "y", "transform"}:
            text = " ".join(element.attrib[attribute].split())
            text = re.sub(r"-?\d+\.\d+", lambda match: _short(match[0]), text)
            element.set(
                attribute, re.sub(" ?([A-Za-z]) ?", r"\1", text) if attribute == "d" else text
            )
        if "style" in element.attrib:
            style = element.attrib.pop("style")
            element.set("class", styles.setdefault(style, f"c{len(styles)}"))
    _join_groups(root)
    rules = "".join(f"#svg-{name} .{short}{{{style}}}" for style, short in styles.items())
    ElementTree.SubElement(root, f"{{{SVG}}}style").text = rules
    ElementTree.register_namespace("", SVG)
    ElementTree.register_namespace("xlink", "http://www.w3.org/1999/xlink")
    return ElementTree.tostring(root, encoding="unicode").encode()


def _join_groups(element: ElementTree.Element) -> None:
    """Take out groups that say nothing, and join neighbours that say the same."""
    parts: list[ElementTree.Element] = []
    for part in list(element):
        _join_groups(part)
        alike = part.attrib.keys() <= JOINED and part.tag == f"{{{SVG}}}g"
        if alike and not part.attrib:
            parts += part
        elif alike and parts and (parts[-1].tag, parts[-1].attrib) == (part.tag, part.attrib):
            parts[-1].extend(part)
        else:
            parts.append(part)
    element[:] = parts


def _short(number: str) -> str:
    return f"{float(number):.1f}".removesuffix(".0")


def inline(svg: bytes, alt: str) -> str:
    """The SVG as a part of a page: as wide as its place, in the page's colours, with a text.

    Args:
        svg: as `render` made it.
        alt: what the figure shows, for those who cannot see it.
    """
    root = ElementTree.fromstring(svg)  # noqa: S314 - written by `compact_svg`
    root.attrib |= {"role": "img", "aria-label": alt}
    del root.attrib["width"], root.attrib["height"]
    text = ElementTree.tostring(root, encoding="unicode")
    text = text.replace(" xlink:href=", " href=").replace(" />", "/>")
    for colour, variable in ON_THE_PAGE.items():
        text = text.replace(colour, variable)
    return text
