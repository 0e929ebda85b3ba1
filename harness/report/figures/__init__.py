"""The figures, one a file: adding a figure is adding a file here.

A figure's module binds

- `SECTION`: the part of the report it belongs to: "effects", "attribution", "interaction",
  "curves", "saturation", "gradients", "updates" or "histograms";
- `TITLE`, and `PLACE` where the order within the section matters (1 where it is left out);
- `caption(source)` and `alt(source)`: what it shows, in full, and for those who cannot see it;
- `draw(source)`: the figure, made from the source's tables alone, or None if there is nothing to
  draw.
"""

import pkgutil
from importlib import import_module
from typing import Any

NAMES = tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


def figure(name: str) -> Any:
    """The module of a figure."""
    return import_module(f"harness.report.figures.{name}")


def in_order() -> list[str]:
    """Names of all figures, those of a section as they are to stand in it."""
    return sorted(NAMES, key=lambda name: (getattr(figure(name), "PLACE", 1), name))
