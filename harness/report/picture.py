"""From a figure to the bytes of its files: the same bytes each time it is drawn."""

from __future__ import annotations

import re
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np

from harness.report.style import DPI, INK, PAPER

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NO_METADATA = {
    "png": {},
    "svg": {"Date": None, "Creator": None, "Format": None, "Type": None},
    "pdf": {"CreationDate": None, "Producer": None, "Creator": None},
}
PNG_COLOURS = 128
FORMATS = tuple(NO_METADATA)
COORDINATES = re.compile(r'(?<=\s)(?:d|x|y|points)="[^"]*"')
LONG_NUMBER = re.compile(r"(\d+\.\d)\d+")


def render(figure: Figure, name: str, form: str) -> bytes:
    """The figure as a file of that format, without dates and with stable identifiers.

    Args:
        figure: drawn.
        name: of the figure; sets its SVG's identifiers apart from other figures'.
        form: one of `FORMATS`.
    """
    import matplotlib as mpl

    if form == "png":
        return png(figure)
    stream = BytesIO()
    with mpl.rc_context({"svg.hashsalt": name}):
        figure.savefig(stream, format=form, dpi=DPI, metadata=NO_METADATA[form])
    content = stream.getvalue()
    return smaller(content.decode()).encode() if form == "svg" else content


def png(figure: Figure) -> bytes:
    """The figure as a PNG of few colours: a third of the size, and no visible difference."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    figure.set_dpi(DPI)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    image = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    few = image.quantize(PNG_COLOURS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    stream = BytesIO()
    few.save(stream, format="png", optimize=True, dpi=(DPI, DPI))
    return stream.getvalue()


def smaller(svg: str) -> str:
    """The SVG with coordinates to a tenth of a point, without empty space and empty header."""
    svg = re.sub(r"\s*<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = COORDINATES.sub(lambda match: short_path(match[0]), svg)
    return re.sub(r">\s+<", "><", svg)


def short_path(attribute: str) -> str:
    """A path's attribute in fewer characters: after the first L, the others are implied."""
    attribute = LONG_NUMBER.sub(r"\1", attribute)
    attribute = re.sub(r"\s+", " ", attribute)
    return re.sub(r"(?<=\d) L (?=[-\d])", " ", attribute)


def inline(svg: bytes, name: str, alt: str) -> str:
    """The SVG as a part of a page: its own identifiers, the page's ink and paper, a spoken text.

    Args:
        svg: as `render` made it.
        name: of the figure, put before each identifier.
        alt: what the figure shows, for those who cannot see it.
    """
    from html import escape

    text = svg.decode()
    text = text[text.index("<svg") :].strip()
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r'(href="#|url\(#)', rf"\g<1>{name}-", text)
    text = re.sub(INK, "var(--ink)", text, flags=re.IGNORECASE)
    text = re.sub(PAPER, "var(--paper)", text, flags=re.IGNORECASE)
    text = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1)
    return text.replace("<svg ", f'<svg role="img" aria-label="{escape(alt)}" ', 1)
