"""Small plots laid out in inches, so that nothing overlaps whatever their number is."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Literal

from harness.report.marks import key_names, mark
from harness.report.style import FAINT, INK, WIDTH, LineStyle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

    from harness.subjects.figures import Reference
    from harness.subjects.subject import Response

Key = tuple[tuple[str, LineStyle | None], ...]  # entries of a legend; factors have no style

TITLE = 0.30  # inches above a plot with a title
BOTTOM = 0.52  # inches under plots, for ticks of one line and the axis's label
RIGHT = 0.15  # inches right of the plots
NAMES = 0.62  # the same where reference lines are named there
KEY_LINE = 0.24  # inches that one line of the legend takes
SHORT = 50  # a logarithmic axis whose ends have a smaller ratio


@dataclass(frozen=True)
class Layout:
    """Plots in rows, and the room around them in inches.

    Attributes:
        count: plots.
        per_row: plots beside each other.
        height: of one plot.
        left, right: room beside the plots.
        bottom: room under each row.
        gap: room between neighbours.
        titled: whether the plots carry titles.
        key: the legend above them.
        share_x, share_y: whether all plots have the same scale.
    """

    count: int
    per_row: int
    height: float = 1.6
    left: float = 0.72
    right: float = RIGHT
    bottom: float = BOTTOM
    gap: float = 0.22
    titled: bool = True
    key: Key = ()
    share_x: bool = True
    share_y: bool = True

    @property
    def width(self) -> float:
        """Of one plot, in inches."""
        per_row = min(self.per_row, self.count)
        return (WIDTH - self.left - self.right - (per_row - 1) * self.gap) / per_row

    def sheet(self) -> Sheet:
        """The figure with its plots, still empty, and its legend."""
        from matplotlib.figure import Figure

        per_row = min(self.per_row, self.count)
        title = TITLE if self.titled else 0.08
        lines = key_lines(self.key)
        top = KEY_LINE * len(lines) + 0.06 if lines else 0.0
        total = top + -(-self.count // per_row) * (title + self.height + self.bottom)
        width = self.width
        figure = Figure(figsize=(WIDTH, total))
        axes: list[Axes] = []
        for i in range(self.count):
            row, column = divmod(i, per_row)
            below = top + (row + 1) * (title + self.height) + row * self.bottom
            box = ((self.left + column * (width + self.gap)) / WIDTH, 1 - below / total,
                   width / WIDTH, self.height / total)  # fmt: skip
            shared: dict[str, Any] = {}
            if axes and self.share_x:
                shared["sharex"] = axes[0]
            if axes and self.share_y:
                shared["sharey"] = axes[0]
            axes.append(figure.add_axes(box, **shared))
        names = iter(key_names(self.key))
        for number, line in enumerate(lines):
            legend = figure.legend(
                handles=[_handle(text, style) for text, style in line], loc="upper left",
                bbox_to_anchor=(0.0, 1 - number * KEY_LINE / total), ncols=len(line),
                borderaxespad=0.2, handlelength=2.4, columnspacing=1.1, handletextpad=0.5,
            )  # fmt: skip
            for handle, text in zip(legend.legend_handles, legend.get_texts(), strict=True):
                if name := next(names):
                    mark(handle, level=name)
                    mark(text, level=name)
        return Sheet(figure, tuple(axes), per_row, self.share_y)


@dataclass(frozen=True)
class Sheet:
    """A figure and its plots, row by row.

    Attributes:
        figure: the whole.
        axes: the plots.
        per_row: plots beside each other.
        share_y: whether all plots have the same vertical scale.
    """

    figure: Figure
    axes: tuple[Axes, ...]
    per_row: int
    share_y: bool

    def label_outer(self, x: str, y: str) -> None:
        """Name the axes of the outer plots only; the others share them."""
        for i, ax in enumerate(self.axes):
            first, last = i % self.per_row == 0, i + self.per_row >= len(self.axes)
            ax.set(ylabel=y if first else "", xlabel=x if last else "")
            ax.tick_params(labelleft=first or not self.share_y, labelbottom=True)

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
        if lines[-1] and width > WIDTH:
            lines.append(())
        lines[-1] += (entry,)
    return lines if key else []


def scale_as(axis: Axis, response: Response) -> None:
    """Label an axis of a response: shares in per cent."""
    from matplotlib.ticker import PercentFormatter

    if response.unit == "share":
        axis.set_major_formatter(PercentFormatter(1))


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

    def plain(value: float, _: int) -> str:
        digits, power = f"{value:.2e}".split("e")  # 3 digits: a short axis has odd ticks
        return f"{digits.rstrip('0').rstrip('.')}e{int(power)}".replace("-", "−")

    axis: Axis = ax.xaxis if which == "x" else ax.yaxis
    ax.set(**{f"{which}scale": Logarithmic(axis)})
    low, high = axis.get_view_interval()
    between = (1.0, 2.0, 5.0) if high < SHORT * low else (1.0,)
    axis.set_major_locator(LogTicks(subs=between, numticks=6))
    axis.set_major_formatter(FuncFormatter(plain))
    axis.set_minor_locator(NullLocator())


def mark_missing(ax: Axes, text: str) -> None:
    """Say in the plot why it shows nothing."""
    ax.set(xticks=[], yticks=[])
    ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", va="center", color=FAINT)
