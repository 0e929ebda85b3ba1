"""The layers, each in one file: its textbook form and, where there is one, its stacked form.

A norm or an activation is one file in `norms/` or `activations/`; the file's name is the level's
name. The file binds `Textbook` to its layer in the manner of the lecture and, if the layer has a
hand-written stacked form, `Stacked` to that; a layer with none is stacked member by member.
Names are read off the folder, so that asking for them imports nothing.
"""

import pkgutil
from importlib import import_module
from pathlib import Path
from typing import Any


def _levels(kind: str) -> tuple[str, ...]:
    return tuple(sorted(module.name for module in pkgutil.iter_modules([str(FOLDER / kind)])))


FOLDER = Path(__file__).parent
NORMS = ("none", *_levels("norms"))
ACTIVATIONS = _levels("activations")


def norm(name: str) -> Any:
    """The module of a normalisation other than "none"."""
    return import_module(f"harness.layers.norms.{name}")


def activation(name: str) -> Any:
    """The module of an activation."""
    return import_module(f"harness.layers.activations.{name}")
