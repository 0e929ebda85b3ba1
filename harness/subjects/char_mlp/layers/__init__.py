"""The layers, each in one file: its textbook form and, where there is one, its compiled form.

A norm or an activation is one file in `norms/` or `activations/`, named like the level. The file
binds `Textbook` to the layer as the lecture writes it and, optionally, `Stacked` to the same in
compiled parts; a layer without them takes its textbook form into the program (`memberwise.py`).
`NORMS` and `ACTIVATIONS` are read from the folders, so that listing the levels imports no layer.

How a member takes a step. Beforehand, `stacked.Step` has let every layer append its parts, each
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
