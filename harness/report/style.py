"""How figures look: colours that all readers can tell apart, markers, and matplotlib's settings."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

INK = "#1b1f24"  # text, axes and reference lines; the page's own ink replaces it in the HTML
PAPER = "#fdfdfc"  # the background; likewise
FAINT = "#8a9099"
BLUE = "#0072b2"  # too dark for a dark page, which has its own instead

# Okabe & Ito's palette without black, the most distinguishable pairs first.
COLOURS = (BLUE, "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#f0e442")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
DASHED = (0, (4, 1.6))
LINES: tuple[Any, ...] = ("-", DASHED, (0, (1, 1.3)), (0, (6, 1.3, 1, 1.3)))

HEAT = ("#f6ecd2", "#e69f00", "#d55e00", "#4a1500")  # from little to much

WIDTH = 7.6  # inches, of every figure but those for one column of a paper
DPI = 130  # of the PNG files

SETTINGS: dict[str, Any] = {
    **dict.fromkeys(
        ("axes.edgecolor", "axes.labelcolor", "axes.titlecolor", "text.color", "xtick.color",
         "ytick.color"), INK,
    ),
    **dict.fromkeys(("axes.facecolor", "figure.facecolor", "savefig.facecolor"), PAPER),
    **dict.fromkeys(("axes.labelsize", "font.size"), 9),
    "axes.titlesize": 8.5,
    **dict.fromkeys(("xtick.labelsize", "ytick.labelsize"), 8),
    "axes.grid": True,
    "axes.linewidth": 0.6,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "errorbar.capsize": 2,
    "font.family": "DejaVu Sans",
    "grid.alpha": 0.35,
    "grid.color": FAINT,
    "grid.linewidth": 0.4,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "lines.linewidth": 1.4,
    "lines.markersize": 4,
    "pdf.fonttype": 42,  # fonts are embedded whole, as journals ask for
    "svg.fonttype": "none",  # text stays text: small, searchable, read aloud
    "text.parse_math": False,  # a dollar sign in a name is a dollar sign
}  # fmt: skip


@contextmanager
def settings(width: float = WIDTH) -> Iterator[None]:
    """Matplotlib's settings while a figure is drawn and saved; the user's own change nothing.

    Args:
        width: of the figure, in inches.
    """
    import matplotlib as mpl

    with mpl.rc_context():
        mpl.rcdefaults()
        parameters: Any = mpl.rcParams  # its keys are typed one by one
        parameters.update(SETTINGS | {"figure.figsize": (width, width)})
        yield


@dataclass(frozen=True)
class LineStyle:
    """How one variant, or one entry of a legend, is drawn.

    Attributes:
        colour: of line and marker; "" for a legend entry about the line alone.
        marker: matplotlib's code.
        line: matplotlib's line style.
    """

    colour: str
    marker: str
    line: Any

    @property
    def fill(self) -> str:
        """The marker's inside: hollow where the line is dashed, so that lone points differ too."""
        return self.colour or INK if self.line in ("-", "none") else PAPER

    @classmethod
    def of(cls, colour: int, line: int) -> "LineStyle":
        """The style at these places of the palette and of the line styles; both repeat."""
        return cls(
            COLOURS[colour % len(COLOURS)], MARKERS[colour % len(MARKERS)], LINES[line % len(LINES)]
        )

    def means(self, drawn: "LineStyle") -> bool:
        """Whether this entry of a legend is about a line that is drawn like that."""
        if not self.colour:
            return bool(self.line == drawn.line)
        return (self.colour, self.marker) == (drawn.colour, drawn.marker)


def ramp(count: int) -> list[str]:
    """Colours for ordered things such as layers, from blue over green to orange."""
    from matplotlib.colors import LinearSegmentedColormap, to_hex

    ordered = LinearSegmentedColormap.from_list("ordered", [BLUE, "#009e73", "#e69f00"])
    return [to_hex(ordered(i / max(1, count - 1))) for i in range(count)]
