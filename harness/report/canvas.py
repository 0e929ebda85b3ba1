"""A sheet of small plots laid out in inches, so that nothing overlaps whatever their number is."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.report.style import FAINT, INK, SETTINGS, WIDTH, Look

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

LEFT, RIGHT, BOTTOM = 0.72, 0.15, 0.52  # inches round the plots
NAMES = 0.62  # inches right of plots with lines of reference, for their names
TITLE, GAP = 0.30, 0.22  # above each plot, between neighbours
SHORT = 50  # a logarithmic axis whose ends have a smaller ratio
KEY_LINE = 0.24  # height of one line of the key


@dataclass(frozen=True)
class Sheet:
    """A figure and its plots, row by row."""

    figure: Figure
    axes: tuple[Axes, ...]
    per_row: int

    def outer(self, x: str, y: str) -> None:
        """Name the axes of the outer plots only; the others share them."""
        for i, ax in enumerate(self.axes):
            first = i % self.per_row == 0
            last = i + self.per_row >= len(self.axes)
            ax.set_ylabel(y if first else "")
            ax.set_xlabel(x if last else "")
            ax.tick_params(labelleft=first or not _shared(ax), labelbottom=True)

    def references(self, values: Mapping[str, float]) -> None:
        """Draw dotted lines at those values that the plots reach, and their names beside each row.

        Args:
            values: by name; the range of the plots must be settled.
        """
        low, high = self.axes[0].get_ylim()
        for i, ax in enumerate(self.axes, start=1):
            for name, value in values.items():
                if not low < value < high:
                    continue
                reference(ax, value)
                if i % self.per_row == 0 or i == len(self.axes):
                    ax.annotate(
                        name, (1, value), xycoords=("axes fraction", "data"), xytext=(4, 0),
                        textcoords="offset points", va="center", fontsize=7, color=INK,
                    )  # fmt: skip

    def key(self, entries: Sequence[tuple[str, Look | None]]) -> None:
        """Put the legend above the plots: factors in plain words, levels with their marks."""
        from matplotlib.lines import Line2D

        for number, line in enumerate(key_lines(entries)):
            handles = [
                Line2D([], [], linestyle="none", label=f"{text}:")
                if look is None
                else Line2D(
                    [], [], color=look.colour or INK, marker=look.marker, linestyle=look.line,
                    markerfacecolor=look.fill, label=text,
                )
                for text, look in line
            ]  # fmt: skip
            self.figure.legend(
                handles=handles, loc="upper left", ncols=len(line), borderaxespad=0.2,
                bbox_to_anchor=(0.0, 1 - number * KEY_LINE / self.figure.get_figheight()),
                handlelength=2.4, columnspacing=1.1, handletextpad=0.5,
            )  # fmt: skip


def _shared(ax: Axes) -> bool:
    return len(ax.get_shared_y_axes().get_siblings(ax)) > 1


def key_lines(entries: Sequence[tuple[str, Look | None]]) -> list[list[tuple[str, Look | None]]]:
    """The key's lines: a factor with its levels goes on a line of its own where it must."""
    groups: list[list[tuple[str, Look | None]]] = []
    for entry in entries:
        if entry[1] is None or not groups:
            groups.append([])
        groups[-1].append(entry)
    lines: list[list[tuple[str, Look | None]]] = []
    for group in groups:
        if lines and _width([*lines[-1], *group]) <= WIDTH:
            lines[-1] += group
            continue
        lines.append([])
        for entry in group:
            if _width([*lines[-1], entry]) > WIDTH:
                lines.append([])
            lines[-1].append(entry)
    return lines


def _width(entries: Sequence[tuple[str, Look | None]]) -> float:
    """Inches that these entries of the key take beside each other, about."""
    return sum(0.62 + 0.078 * len(text) for text, _ in entries)


def key_height(entries: Sequence[tuple[str, Look | None]]) -> float:
    """Inches that the key takes."""
    return KEY_LINE * len(key_lines(entries)) + 0.06 if entries else 0.0


@contextmanager
def settings() -> Iterator[None]:
    """Matplotlib's settings for as long as a figure is drawn and saved."""
    import matplotlib as mpl

    with mpl.rc_context():
        mpl.rcdefaults()  # so that nobody's own settings change a report
        parameters: Any = mpl.rcParams  # its keys are typed one by one
        parameters.update(SETTINGS)
        yield


def sheet(
    count: int, per_row: int, *, height: float = 1.6, left: float = LEFT,
    right: float = RIGHT, titled: bool = True,
    key: Sequence[tuple[str, Look | None]] = (), share_y: bool = True, share_x: bool = True,
    bottom: float = BOTTOM, gap: float = GAP,
) -> Sheet:  # fmt: skip
    """An empty sheet of so many plots.

    Args:
        count: plots.
        per_row: plots beside each other.
        height: of one plot, inches.
        left, right: room beside the plots, inches.
        titled: whether the plots carry titles.
        key: the legend above them.
        share_y, share_x: whether all plots have the same scale.
        bottom: room under each row's plots, inches.
        gap: room between neighbours, inches.
    """
    from matplotlib.figure import Figure

    per_row = min(per_row, count)
    rows = -(-count // per_row)
    title = TITLE if titled else 0.08
    top = key_height(key)
    total = top + rows * (title + height + bottom)
    width = (WIDTH - left - right - (per_row - 1) * gap) / per_row
    figure = Figure(figsize=(WIDTH, total))
    axes: list[Axes] = []
    for i in range(count):
        row, column = divmod(i, per_row)
        box = (
            (left + column * (width + gap)) / WIDTH,
            1 - (top + (row + 1) * (title + height) + row * bottom) / total,
            width / WIDTH,
            height / total,
        )
        shared: dict[str, Any] = {}
        if axes and share_y:
            shared["sharey"] = axes[0]
        if axes and share_x:
            shared["sharex"] = axes[0]
        axes.append(figure.add_axes(box, **shared))
    made = Sheet(figure, tuple(axes), per_row)
    if key:
        made.key(key)
    return made


def reference(ax: Axes, value: float) -> None:
    """A dotted line at a value that means something."""
    ax.axhline(value, color=INK, linewidth=0.8, linestyle=(0, (1, 2)), zorder=1)


def log_ticks(axis: Axis, *, thousands: bool = False) -> None:
    """A logarithmic axis labelled in plain text: powers of ten, 2 and 5 too where it is short."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    def small(value: float, _: int) -> str:
        digits, power = f"{value:.2e}".split("e")  # 3 digits: a short axis has odd ticks
        return f"{digits.rstrip('0').rstrip('.')}e{int(power)}".replace("-", "−")

    def large(value: float, _: int) -> str:
        return f"{value / 1000:g}k" if value >= 1000 else f"{value:g}"

    low, high = axis.get_view_interval()
    between = (1.0, 2.0, 5.0) if high < SHORT * low else (1.0,)
    axis.set_major_locator(LogLocator(subs=between, numticks=6))
    axis.set_major_formatter(FuncFormatter(large if thousands else small))
    axis.set_minor_locator(NullLocator())


def mark_missing(ax: Axes, text: str) -> None:
    """Say in the plot why it shows nothing."""
    ax.set(xticks=[], yticks=[])
    ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", va="center", color=FAINT)
