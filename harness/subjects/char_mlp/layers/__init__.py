"""The layers, each in one file: its textbook form and, where there is one, its compiled form.

A norm or an activation is one file in `norms/` or `activations/`, named like the level: here, or in
the `ablations/` of the user's project. The file binds `Textbook` to the layer as the lecture writes
it and, optionally, `Stacked` to the same in compiled parts; a layer without them takes its textbook
form into the program (`memberwise.py`). Listing the levels imports no layer.

How a step is computed, from below: `lanes.py` has vectors whose operations are the same on every
processor, `functions.py`, `products.py` and `sums.py` what is built of them, `parts.py` how a
program of parts is put together and carried out, `signals.py` the parts that layers share,
`state.py` where parameters lie.
"""

import sys
from functools import cache
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from harness.errors import UserError
from harness.files import ABLATIONS, project_ablations

FOLDER = Path(__file__).parent
BESIDE = FOLDER.parents[3] / ABLATIONS  # beside the harness; a logged model has its levels there
KINDS = ("norms", "activations")
SHIPPED = {"none", "batch", "layer", "gelu", "relu", "tanh"}  # covered by the subject's version


def _files(folder: Path) -> dict[str, Path]:
    return {path.stem: path for path in sorted(folder.glob("[!_]*.py"))}


NORMS = ("none", *_files(FOLDER / "norms"))
ACTIVATIONS = tuple(_files(FOLDER / "activations"))


def levels(kind: str) -> dict[str, Path]:
    """The file of each norm or activation, by the level's name; the user's own come last.

    Raises:
        UserError: one of the user's has the name of one of the harness's.
    """
    return _levels(FOLDER / kind, project_ablations().resolve())


@cache
def _levels(folder: Path, project: Path) -> dict[str, Path]:
    found = _files(folder)
    for own in (project, BESIDE):
        for name, path in _files(own / folder.name).items():
            if name in SHIPPED:
                raise UserError(
                    "a level of one's own must have a name that no level of the harness has",
                    path,
                    "Rename the file.",
                )
            found.setdefault(name, path)
    return found


def norm(name: str) -> Any:
    """The module of a norm other than "none"."""
    return _load("norms", levels("norms")[name])


def activation(name: str) -> Any:
    """The module of an activation."""
    return _load("activations", levels("activations")[name])


@cache
def _load(kind: str, path: Path) -> Any:
    from harness.subjects.user_file import importing

    name = f"{__name__}.{kind}.{path.stem}"
    with importing(path.name, path.parent):
        if path.parent == FOLDER / kind:
            return import_module(name)
        spec = spec_from_file_location(name, path)
        assert spec and spec.loader  # noqa: S101, PT018 - a .py file has both
        module = sys.modules[name] = module_from_spec(spec)
        spec.loader.exec_module(module)
        return module


def own_files(names: set[str]) -> dict[str, Path]:
    """The files of those norms and activations of these names that did not come with the harness.

    They are named by where they belong in a project.
    """
    own = names - SHIPPED
    return {
        f"{ABLATIONS}/{kind}/{path.name}": path
        for kind in KINDS if own for name, path in levels(kind).items() if name in own
    }  # fmt: skip


@cache
def source(path: Path) -> str:
    """A hash of the code of a norm or an activation, and of the modules beside it."""
    from harness.subjects.user_file import code_digest

    return code_digest(path)
