"""What every figure is: its names, its words, and the function that draws it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.report.source import Source

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Drawing:
    """A figure of the report, made from a study's tables alone.

    Attributes:
        name: of its files.
        section: heading of the section it belongs to.
        title: what it shows, in short.
        caption: what it shows, in full.
        alt: its content in words, for readers who cannot see it.
        draw: the figure; None where the study has nothing to show in it.
    """

    name: str
    section: str
    title: str
    caption: Callable[[Source], str]
    alt: Callable[[Source], str]
    draw: Callable[[Source], Figure | None]
