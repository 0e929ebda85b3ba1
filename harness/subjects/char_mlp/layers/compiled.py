"""numba's compilers, with a cache that notices every change of the layers.

numba keeps compiled code beside a function's file, and compiles anew when that file changes. Code
of other files that was inlined does not count: after a change of `functions.py` a tanh would keep
the old arithmetic without a word. Here the sources of all layers are part of the key. A cache that
cannot be read or written costs time, and never a run.
"""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numba
from numba.core.caching import FunctionCache, NullCache
from numba.core.ccallback import CFunc

# Python cannot run pointers and lanes, whatever the environment asks.
numba.config.DISABLE_JIT = 0  # type: ignore[attr-defined]
OPTIONS: Any = {"error_model": "numpy"}  # a division by zero gives infinity
FOLDER = Path(__file__).parent
SOURCES = hashlib.sha256(
    b"".join(path.read_bytes() for path in sorted(FOLDER.rglob("*.py")))
).hexdigest()


class LayerCache(FunctionCache):
    """numba's cache, keyed by the layers' sources too."""

    def _index_key(self, *given: Any) -> Any:
        return (*super()._index_key(*given), SOURCES)

    def load_overload(self, *given: Any) -> Any:
        """Compiled code that was kept; None if there is none, or it is damaged."""
        try:
            return super().load_overload(*given)
        except Exception:  # whatever unpickling makes of damaged files
            with suppress(OSError):
                self.flush()
            return None

    def save_overload(self, *given: Any) -> None:
        """Keep compiled code, if that is possible: without it, the next process compiles anew."""
        with suppress(Exception):
            super().save_overload(*given)


def cache_of(function: Callable[..., Any]) -> Any:
    """The function's cache; an empty one where no folder for it can be written."""
    try:
        return LayerCache(function)
    except (OSError, RuntimeError):
        return NullCache()


def compiled(function: Callable[..., Any]) -> Any:
    """The function, compiled when it is first called."""
    dispatcher: Any = numba.njit(**OPTIONS)(function)
    dispatcher._cache = cache_of(function)
    return dispatcher


def address_of(function: Callable[..., None], signature: Any) -> int:
    """Where the code of a function begins, compiled for a signature."""
    callback: Any = CFunc(function, (signature.args, signature.return_type), {}, OPTIONS)
    callback._cache = cache_of(function)
    callback.compile()
    ADDRESSED.append(callback)
    return int(callback.address)


ADDRESSED: list[Any] = []  # keeps the code in memory
