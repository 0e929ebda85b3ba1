"""What the parts of a figure stand for, kept in its SVG for the page's script.

A part is an artist of matplotlib; its group identifier holds the marks as JSON.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import Element

from harness.study.levels import Levels, format_level
from harness.study.study import Study

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

    from harness.report.canvas import Key
    from harness.report.source import Source

BASELINE = "baseline"  # names the baseline in legends, as all its levels do


def mark(artist: Artist, **marks: Any) -> None:
    """Add marks to a part.

    Args:
        artist: the part.
        marks: `of`, names of the levels that it shows; `level`, the name of the one that an entry
            of a legend stands for; `run`, the number of each point's run, from 0, in runs.csv.
    """
    artist.set_gid(json.dumps(_marks(artist.get_gid()) | marks))


def mark_rest(ax: Axes, levels: Sequence[str]) -> None:
    """Say of all lines and points of a plot, of which nothing was said yet, what they show."""
    for artist in (*ax.lines, *ax.collections):
        if "of" not in _marks(artist.get_gid()):
            mark(artist, of=levels)


def level_names(study: Study, cell: Levels) -> list[str]:
    """Names of a variant's levels, as legends have them."""
    names = [f"{factor} {format_level(level)}" for factor, level in cell.items()]
    return [*names, BASELINE] if study.reference.items() <= cell.items() else names


def key_names(key: Key) -> list[str]:
    """The name of the level of each entry of a legend; "" of a factor's."""
    names, factor = [], ""
    for text, style in key:
        factor = factor if style else text
        names.append(f"{factor} {text}".strip() if style else "")
    return names


def run_numbers(source: Source) -> dict[tuple[str, int], int]:
    """The number of the run of each variant and seed, from 0, in runs.csv."""
    runs = source.data.ended.drop_duplicates(["variant", "seed"])
    return dict(zip(zip(runs["variant"], runs["seed"], strict=True), runs.index, strict=True))


def write_marks(group: Element) -> None:
    """Turn the identifier of a group in an SVG into attributes that the page's script reads."""
    marks = _marks(group.attrib.pop("id", None))
    if "of" in marks:
        group.set("data-of", "|".join(marks["of"]))
    if "level" in marks:
        group.set("data-level", marks["level"])
    runs = marks.get("run", ())
    points = [part for part in group.iter() if part.tag.endswith("}use")]
    if len(points) == len(runs):  # else some of them are out of the figure
        for point, number in zip(points, runs, strict=True):
            point.set("data-run", str(number))


def without_marks(svg: bytes) -> bytes:
    """The SVG as a file of its own, which no script reads."""
    return re.sub(rb' data-(of|level|run)="[^"]*"', b"", svg)


def _marks(identifier: str | None) -> dict[str, Any]:
    """The marks in an identifier; none in matplotlib's own."""
    if identifier is None or not identifier.startswith("{"):
        return {}
    found: dict[str, Any] = json.loads(identifier)
    return found
