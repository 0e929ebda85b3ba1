"""Small plots laid out in inches, so that nothing overlaps whatever their number is."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import takewhile
from textwrap import wrap
from typing import TYPE_CHECKING, Any, Literal

from harness.report.marks import key_names, mark
from harness.report.style import FAINT, INK, LineStyle
from harness.report.words import is_share

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

    from harness.report.focus import Focus
    from harness.subjects.figures import Reference
    from harness.subjects.subject import Response

Key = tuple[tuple[str, LineStyle | None], ...]  # entries of a legend; factors have no style

TITLE = 0.14  # inches that a line of a plot's title takes
ABOVE = 0.16  # inches above a plot, or above its title
BOTTOM = 0.52  # inches under plots, for ticks of one line and the axis's label
BETWEEN = 0.1  # inches under plots whose ticks are named by those below
RIGHT = 0.15  # inches right of the plots
NAMES = 0.62  # the same where reference lines are named there
KEY_LINE = 0.24  # inches that one line of the legend takes
LETTER = 0.075  # inches that a letter of a title takes, roughly
NARROWEST = 1.1  # inches of a plot beside others of the same width
SHORT = 50  # a logarithmic axis whose ends have a smaller ratio


def page_width() -> float:
    """Inches that a figure is wide, by `harness.report.style.settings`."""
    import matplotlib as mpl

    return float(mpl.rcParams["figure.figsize"][0])


@dataclass(frozen=True)
class Layout:
    """Plots in rows, and the room around them in inches.

    Attributes:
        count: plots.
        per_row: plots beside each other.
        height: of one plot.
        left, right: room beside the plots.
        bottom: room under the plots whose horizontal axis is named.
        gap: room between neighbours.
        titles: of the plots; none if there are none.
        key: the legend above them.
        share_x: which plots have the same horizontal scale: all, or those above each other, or
            none. Only the lowest of them name it.
        share_y: whether all plots have the same vertical scale.
        widths: of the columns, relative to each other; equal if empty.
    """

    count: int
    per_row: int
    height: float = 1.6
    left: float = 0.72
    right: float = RIGHT
    bottom: float = BOTTOM
    gap: float = 0.22
    titles: tuple[str, ...] = ()
    key: Key = ()
    share_x: Literal["all", "column", "none"] = "all"
    share_y: bool = True
    widths: tuple[float, ...] = ()

    @property
    def columns(self) -> list[float]:
        """The columns' widths, in inches."""
        room = page_width() - self.left - self.right
        per_row = min(self.per_row, self.count)
        if not self.widths:
            per_row = max(1, min(per_row, int((room + self.gap) / (NARROWEST + self.gap))))
        whole = room - (per_row - 1) * self.gap
        widths = self.widths or (1.0,) * per_row
        return [whole * width / sum(widths) for width in widths]

    def sheet(self) -> Sheet:
        """The figure with its plots and their titles, else empty, and its legend."""
        from matplotlib.figure import Figure

        columns, wide = self.columns, page_width()
        titles = [
            wrapped(title, columns[i % len(columns)] + self.gap)
            for i, title in enumerate(self.titles)
        ]
        ends, high = self._down_to(titles)
        figure = Figure(figsize=(wide, high))
        axes: list[Axes] = []
        for i in range(self.count):
            row, column = divmod(i, len(columns))
            left = self.left + sum(columns[:column]) + column * self.gap
            box = (left / wide, 1 - ends[row] / high, columns[column] / wide, self.height / high)
            shared: dict[str, Any] = {}
            if axes and self.share_x == "all":
                shared["sharex"] = axes[0]
            elif row and self.share_x == "column":
                shared["sharex"] = axes[column]
            if axes and self.share_y:
                shared["sharey"] = axes[0]
            axes.append(figure.add_axes(box, **shared))
        for ax, title in zip(axes, titles, strict=False):
            ax.set_title(title, linespacing=1.1)
        _put_key(figure, self.key)
        return Sheet(figure, tuple(axes), self)

    def _down_to(self, titles: Sequence[str]) -> tuple[list[float], float]:
        """Inches from the top of the figure to the lower end of each row, and of the figure."""
        per_row = len(self.columns)
        ends, down = [], KEY_LINE * len(key_lines(self.key))
        for first in range(0, self.count, per_row):
            in_row = titles[first : first + per_row]
            down += ABOVE + TITLE * max((title.count("\n") + 1 for title in in_row), default=0)
            down += self.height
            ends.append(down)
            lowest = self.share_x == "none" or first + 2 * per_row > self.count
            down += self.bottom if lowest else BETWEEN
        return ends, down


@dataclass(frozen=True)
class Sheet:
    """A figure and its plots, row by row.

    Attributes:
        figure: the whole.
        axes: the plots.
        layout: how they stand.
    """

    figure: Figure
    axes: tuple[Axes, ...]
    layout: Layout

    @property
    def per_row(self) -> int:
        """Plots beside each other."""
        return len(self.layout.columns)

    def label_outer(self, x: str, y: str) -> None:
        """Name the axes of the outer plots only; the others share them."""
        for i, ax in enumerate(self.axes):
            first, last = i % self.per_row == 0, i + self.per_row >= len(self.axes)
            ax.set(ylabel=y if first else "", xlabel=x if last else "")
            ax.tick_params(labelleft=first or not self.layout.share_y,
                           labelbottom=last or self.layout.share_x == "none")  # fmt: skip

    def put_focus(self, focus: Focus | None) -> None:
        """Enlarge a part of the vertical axis that all plots share, and shade it."""
        from harness.report.ticks import FocusTicks, focused

        if focus is None:
            return
        axis = self.axes[0].yaxis
        self.axes[0].set(yscale=focused(axis, focus))
        axis.set_major_locator(FocusTicks(axis, focus))
        for ax in self.axes:
            ax.axhspan(focus.low, focus.high, color=FAINT, alpha=0.15, linewidth=0, zorder=0)

    def draw_references(self, references: Sequence[Reference], *, extend: bool = False) -> None:
        """Draw dotted lines at those values that the plots reach, and their names beside each row.

        Args:
            references: the values.
            extend: whether plots whose range is not set extend to them.
        """
        if extend:
            places = [(0.0, reference.value) for reference in references]
            self.axes[0].update_datalim(places, updatex=False)
            self.axes[0].autoscale_view(scalex=False)
        low, high = self.axes[0].get_ylim()
        for i, ax in enumerate(self.axes, start=1):
            for reference in references:
                if not low < reference.value < high:
                    continue
                ax.axhline(reference.value, color=INK, lw=0.8, linestyle=(0, (1, 2)), zorder=1)
                if i % self.per_row == 0 or i == len(self.axes):
                    ax.annotate(
                        reference.name, (1, reference.value), (4, 0), va="center", fontsize=7,
                        xycoords=("axes fraction", "data"), textcoords="offset points", color=INK,
                    )  # fmt: skip


def _put_key(figure: Figure, key: Key) -> None:
    """Put the legend above the plots; its entries are marked with the levels they stand for."""
    names = iter(key_names(key))
    down = KEY_LINE / figure.get_figheight()
    for number, line in enumerate(key_lines(key)):
        legend: Any = figure.legend(
            handles=[_handle(text, style) for text, style in line], loc="upper left",
            bbox_to_anchor=(0.0, 1 - number * down), ncols=len(line), borderaxespad=0.2,
            handlelength=2.4, columnspacing=1.1, handletextpad=0.5,
        )  # fmt: skip
        for handle, text in zip(legend.legend_handles, legend.get_texts(), strict=True):
            if name := next(names):
                mark(handle, level=name)
                mark(text, level=name)


def _handle(text: str, style: LineStyle | None) -> Any:
    """The legend entry of a level; a factor is named before its levels, without a mark."""
    from matplotlib.lines import Line2D

    if style is None:
        return Line2D([], [], linestyle="none", label=f"{text}:")
    return Line2D(
        [], [], color=style.colour or INK, marker=style.marker, linestyle=style.line,
        markerfacecolor=style.fill, label=text,
    )  # fmt: skip


def key_lines(key: Key) -> list[Key]:
    """The legend's lines: a factor and its levels start a new one where they do not fit."""
    lines: list[Key] = [()]
    for i, entry in enumerate(key):
        levels = takewhile(lambda other: other[1], key[i + 1 :]) if entry[1] is None else ()
        texts = (text for text, _ in (*lines[-1], entry, *levels))
        width = sum(0.62 + 0.078 * len(text) for text in texts)  # inches, roughly
        if lines[-1] and width > page_width():
            lines.append(())
        lines[-1] += (entry,)
    return lines if key else []


def wrapped(title: str, width: float) -> str:
    """A title in lines of so many inches, broken after commas where it has some."""
    letters = max(8, int(width / LETTER))
    if len(title) > letters:
        parts = (wrap(part, letters) for part in title.split(", "))
        title = ",\n".join("\n".join(part) for part in parts)
    return title


def scale_as(axis: Axis, response: Response | None, *, change: bool = False) -> None:
    """Write an axis of a response, or of changes in it, as tables do: shares in per cent."""
    from harness.report.ticks import PlainTicks

    percent = "" if not is_share(response) else "pp" if change else "%"
    axis.set_major_formatter(PlainTicks(percent))


def scale_steps(ax: Axes, *, log: bool = False) -> None:
    """Few ticks on an axis of steps, thousands as k."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    if log:
        scale_log(ax, "x")
    else:
        ax.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    ax.xaxis.set_major_formatter(
        FuncFormatter(lambda x, _: f"{x / 1000:g}k" if abs(x) >= 1000 else f"{x:g}")
    )


def scale_log(ax: Axes, which: Literal["x", "y"]) -> None:
    """Make an axis logarithmic, its ticks in plain text: powers of ten; 2, 5 too if it is short."""
    from matplotlib.ticker import FuncFormatter, NullLocator

    from harness.report.logarithmic import Logarithmic, LogTicks
    from harness.report.ticks import powered

    axis: Axis = ax.xaxis if which == "x" else ax.yaxis
    ax.set(**{f"{which}scale": Logarithmic(axis)})
    low, high = axis.get_view_interval()
    between = (1.0, 2.0, 5.0) if high < SHORT * low else (1.0,)
    axis.set_major_locator(LogTicks(subs=between, numticks=6))
    axis.set_major_formatter(FuncFormatter(lambda value, _: powered(value)))
    axis.set_minor_locator(NullLocator())


def mark_missing(ax: Axes, text: str) -> None:
    """Say in the plot why it shows nothing."""
    ax.set(xticks=[], yticks=[])
    ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", va="center", color=FAINT)
