"""An SVG in fewer bytes draws the same."""

from collections.abc import Iterator
from io import BytesIO
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from matplotlib.figure import Figure

from harness.report.marks import mark
from harness.report.picture import SVG, compact_svg

DRAWN = {f"{{{SVG}}}{tag}" for tag in ("path", "use", "text", "image")}


def drawn(
    element: Element, clip: str = "", of: str = ""
) -> Iterator[tuple[str, str, str, str | None]]:
    """What is drawn, in order, with the region that it is cut to and the levels that it shows."""
    clip, of = element.get("clip-path", clip), element.get("data-of", of)
    if element.tag in DRAWN:
        yield element.tag, clip, of, element.text
    for part in element:
        yield from drawn(part, clip, of)


def test_groups_that_are_joined_draw_the_same_in_the_same_order() -> None:
    figure = Figure()
    for ax in figure.subplots(1, 2):
        for level in ("a", "b", "b", "a"):
            mark(ax.scatter([1, 2, 3], [3, 1, 2]), of=[level])
            ax.plot([1, 2, 3], [1, 2, 3], marker="o")
        ax.set_title("some text")
    stream = BytesIO()
    figure.savefig(stream, format="svg")
    whole = ElementTree.fromstring(stream.getvalue())  # noqa: S314 - matplotlib's
    small = ElementTree.fromstring(compact_svg(stream.getvalue(), "name"))  # noqa: S314 - likewise
    for group in whole.iter(f"{{{SVG}}}g"):
        if (group.get("id") or "").startswith("{"):
            group.set("data-of", group.attrib["id"].split('"')[3])
    assert len(set(drawn(whole))) > 8
    assert list(drawn(small)) == list(drawn(whole))
    groups = [len(list(svg.iter(f"{{{SVG}}}g"))) for svg in (small, whole)]
    assert groups[0] < groups[1] / 3
