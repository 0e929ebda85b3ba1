"""How the figures look: colours that everyone can tell apart, marks, and matplotlib's settings."""

from dataclasses import dataclass
from typing import Any

INK = "#1b1f24"  # text, axes and lines of reference; the page's own ink replaces it in the HTML
PAPER = "#fdfdfc"  # the background; likewise
FAINT = "#8a9099"

BLUE = "#0072B2"  # too dark for a dark page, which has its own instead

# Okabe & Ito's palette without black, the most distinguishable pairs first.
COLOURS = (BLUE, "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
LINES: tuple[Any, ...] = ("-", (0, (4, 1.6)), (0, (1, 1.3)), (0, (6, 1.3, 1, 1.3)))

WIDTH = 7.6  # inches, of every figure
DPI = 130  # of the PNG files

SETTINGS: dict[str, Any] = {
    "axes.edgecolor": INK,
    "axes.facecolor": PAPER,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.labelsize": 9,
    "axes.linewidth": 0.6,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 9,
    "axes.unicode_minus": True,
    "errorbar.capsize": 2,
    "figure.facecolor": PAPER,
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "grid.alpha": 0.35,
    "grid.color": FAINT,
    "grid.linewidth": 0.4,
    "legend.edgecolor": "none",
    "legend.facecolor": PAPER,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "lines.linewidth": 1.4,
    "lines.markersize": 4,
    "savefig.facecolor": PAPER,
    "svg.fonttype": "none",  # text stays text: small, searchable, read aloud
    "text.color": INK,
    "text.parse_math": False,  # a dollar sign in a name is a dollar sign
    "xtick.color": INK,
    "xtick.labelsize": 8,
    "ytick.color": INK,
    "ytick.labelsize": 8,
}


@dataclass(frozen=True)
class Look:
    """How one variant is drawn.

    Attributes:
        colour: of line and marker.
        marker: matplotlib's code.
        line: matplotlib's line style.
    """

    colour: str
    marker: str
    line: Any

    @property
    def fill(self) -> str:
        """The marker's inside: hollow where the line is broken, so that lone points differ too."""
        return self.colour or INK if self.line in (LINES[0], "none") else PAPER

    @classmethod
    def of(cls, colour: int, line: int) -> "Look":
        """The look at these places of the palette and of the line styles, repeating if need be."""
        return cls(
            COLOURS[colour % len(COLOURS)], MARKERS[colour % len(MARKERS)], LINES[line % len(LINES)]
        )


def ramp(count: int) -> list[str]:
    """Colours for ordered things such as layers, from blue over green to orange."""
    from matplotlib.colors import LinearSegmentedColormap, to_hex

    ordered = LinearSegmentedColormap.from_list("ordered", [BLUE, "#009E73", "#E69F00"])
    return [to_hex(ordered(i / max(1, count - 1))) for i in range(count)]
