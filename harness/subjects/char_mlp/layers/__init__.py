"""The layers, each in one file: its textbook form and, where there is one, its compiled form.

A norm or an activation is one file in `norms/` or `activations/`, named like the level. The file
binds `Textbook` to the layer as the lecture writes it and, optionally, `Stacked` to the same in
compiled parts; a layer without them takes its textbook form into the program (`memberwise.py`).
`NORMS` and `ACTIVATIONS` are read from the folders, so that listing the levels imports no layer.

How a step is computed, from below: `lanes.py` has vectors whose operations are the same on every
processor, `functions.py`, `products.py` and `sums.py` what is built of them, `parts.py` how a
program of parts is put together and carried out, `signals.py` the parts that layers share,
`state.py` where parameters lie.
"""

import pkgutil
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any


def _levels(kind: str) -> tuple[str, ...]:
    return tuple(sorted(module.name for module in pkgutil.iter_modules([str(FOLDER / kind)])))


FOLDER = Path(__file__).parent
NORMS = ("none", *_levels("norms"))
ACTIVATIONS = _levels("activations")
SHIPPED = {"none", "batch", "layer", "gelu", "relu", "tanh"}  # covered by the subject's version


def norm(name: str) -> Any:
    """The module of a norm other than "none"."""
    return _load("norms", name)


def activation(name: str) -> Any:
    """The module of an activation."""
    return _load("activations", name)


def _load(kind: str, name: str) -> Any:
    from harness.subjects.user_file import importing

    with importing(f"{name}.py", FOLDER / kind):
        return import_module(f"{__name__}.{kind}.{name}")


@cache
def source(name: str) -> str:
    """A hash of the code of a norm or an activation, and of the modules beside it."""
    from harness.subjects.user_file import code_digest

    (path,) = (
        path for kind in ("norms", "activations") for path in FOLDER.glob(f"{kind}/{name}.py")
    )
    return code_digest(path)
