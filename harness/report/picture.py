"""From a figure to the bytes of its files: the same bytes each time it is drawn."""

from __future__ import annotations

import re
from collections import Counter
from hashlib import sha256
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.report.style import BLUE, DPI, INK, PAPER

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
STYLE = re.compile(r'(?<=\s)style="([^"]*)"')
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
    return smaller(content.decode(), name).encode() if form == "svg" else content


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


def smaller(svg: str, name: str) -> str:
    """The SVG in half the characters, drawn alike to a tenth of a point.

    Repeated styles become classes, identifiers short; both begin with a token of the figure's
    own, so that several figures can share a page.
    """
    token = f"f{sha256(name.encode()).hexdigest()[:3]}"
    svg = re.sub(r"\s*<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = COORDINATES.sub(lambda match: short_path(match[0]), svg)
    svg = re.sub(r">\s+<", "><", svg)
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)
    svg = re.sub(r"<g>(<use [^>]*/>)</g>", r"\1", svg)
    svg = re.sub(r' transform="rotate\(-0 [^"]*"', "", svg)
    return with_classes(with_short_ids(svg, token), token)


def short_path(attribute: str) -> str:
    """A path's attribute in fewer characters: after the first L, the others are implied."""
    attribute = LONG_NUMBER.sub(r"\1", attribute)
    attribute = re.sub(r"\s+", " ", attribute)
    return re.sub(r"(?<=\d) L (?=[-\d])", " ", attribute)


def with_short_ids(svg: str, token: str) -> str:
    """The SVG with its identifiers numbered."""
    found = dict.fromkeys(re.findall(r'\sid="([^"]+)"', svg))
    short = {old: f"{token}-{i}" for i, old in enumerate(found)}
    return re.sub(
        r'(\sid="|href="#|url\(#)([^")]+)',
        lambda match: match[1] + short.get(match[2], match[2]),
        svg,
    )


def with_classes(svg: str, token: str) -> str:
    """The SVG with the styles that it repeats put into classes."""
    counts = Counter(STYLE.findall(svg))
    classes = {
        style: f"{token}c{i}" for i, style in enumerate(s for s, n in counts.items() if n > 1)
    }
    rules = "".join(f".{short}{{{style}}}" for style, short in classes.items())
    svg = STYLE.sub(
        lambda match: f'class="{classes[match[1]]}"' if match[1] in classes else match[0], svg
    )
    return re.sub(r"(<svg[^>]*>)", rf"\1<style>{rules}</style>", svg, count=1)


def inline(svg: bytes, alt: str) -> str:
    """The SVG as a part of a page: the page's ink and paper, a spoken text.

    Args:
        svg: as `render` made it.
        alt: what the figure shows, for those who cannot see it.
    """
    from html import escape

    text = svg.decode()
    text = text[text.index("<svg") :].strip()
    text = re.sub(INK, "var(--ink)", text, flags=re.IGNORECASE)
    text = re.sub(BLUE, "var(--blue)", text, flags=re.IGNORECASE)
    text = re.sub(PAPER, "var(--paper)", text, flags=re.IGNORECASE)
    text = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1)
    return text.replace("<svg ", f'<svg role="img" aria-label="{escape(alt)}" ', 1)
