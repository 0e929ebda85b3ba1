"""Ablation studies of neural networks: what each part is worth, and when.

From Python and in notebooks:

    import harness

    results = harness.run("core")     # trains what is missing, as `ablate run core` does
    results = harness.load("core")    # reads what the store holds
    results.claims                    # a frame; also cells, effects, runs, curves, ...

The names in `__all__` are public, with the attributes and methods of `Results`. Everything else is
private, and may change with any version. To read the code, begin with `flow.py`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.errors import UserError
    from harness.notebook import Results, load, run, tidy

__all__ = ["Results", "UserError", "load", "run", "tidy"]

_PLACES = {"UserError": "harness.errors"}  # of public names; the others are in notebook.py


def __getattr__(name: str) -> Any:
    """A public name, imported when it is asked for, so that `ablate --help` is quick."""
    if name not in __all__:
        raise AttributeError(f"module 'harness' has no attribute {name!r}")
    return getattr(import_module(_PLACES.get(name, "harness.notebook")), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
