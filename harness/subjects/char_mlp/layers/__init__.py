"""The layers, each in one file: its textbook form and, where there is one, its compiled form.

A norm or an activation is one file in `norms/` or `activations/`, named like the level: here, or in
the `ablations/` of the user's project. The file binds `Textbook` to the layer as the lecture writes
it and, optionally, `Stacked` to the same in compiled parts; a layer without them takes its textbook
form into the program (`memberwise.py`). Listing the levels imports no layer.

How a member takes a step. Beforehand, `programs.Step` has let every layer append its parts, each
with the places in memory that it works on, to three programs (`parts.py`). Then `drive` in
`steps.py`, all of it compiled, does the following for one step after the other:

1. It loads the minibatch: contexts and next characters.
2. It runs the first program, part by part. Forward, every layer writes its outputs, a signal
   (units, batch). `cross_entropy` writes the loss, and its gradient by the logits.
3. Backward, in the same program, every layer turns the gradient by its outputs into that by its
   inputs, and keeps what its update needs: the gradients of γ, β and biases; for a weight the
   gradient by its outputs, since the product with its inputs is computed as it is subtracted.
4. Where the loss or a sum of squares, `ENERGY`, leaves a doubt whether all gradients are finite, it
   stops before the update. `StackedMLP.advance` looks at every gradient then, and takes the step
   after all or ends the member's training.
5. It runs the second program, which subtracts rate × gradient from every parameter; with momentum
   or weight decay, the gradients are written down first, for `sgd`.
6. It runs the third program, which updates buffers, such as running statistics.

What parts are made of, from below: `llvm.py` has the instructions that numba lacks, `lanes.py`
vectors whose operations are the same on every processor, `functions.py`, `products.py` and
`sums.py` what is built of them, `signals.py` the parts that layers share, `state.py` where
parameters lie, `forms.py` what a layer must offer. `compiled.py` compiles and caches.
"""

import os
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
    return _levels(FOLDER / kind, os.getcwd())


@cache  # whether a level exists is asked for every run of a plan
def _levels(folder: Path, here: str) -> dict[str, Path]:
    found = _files(folder)
    for own in (project_ablations(Path(here)), BESIDE):
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
