"""Parts: the compiled pieces that a training step is put together from, and programs of them.

A part is a short function over flat memory: a norm's forward pass, a matrix product, an update. A
`Program` is a list of parts with their numbers (places, widths), which `steps.py` carries out. Any
network is thus one program, though every layer is a file of its own and is compiled once.
"""

import ctypes
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import types

from harness.subjects.char_mlp.layers.compiled import address_of
from harness.subjects.char_mlp.layers.lanes import LANES
from harness.subjects.char_mlp.layers.products import MOST_ROWS

Array = npt.NDArray[Any]

# What a part gets of a member: numbers of the instruction, parameters, memory of the step,
# minibatch, scalars.
POINTERS = 5
LENGTH = 12  # numbers of an instruction: the address of its part, then the part's own

# Scalars of the step under way, float64: the learning rate, the mean loss, a sum of squares that is
# NaN or huge where a gradient may not be finite (of gradients, or of what they are computed from),
# and whether a Python function has failed.
RATE, LOSS, ENERGY, STOP = range(4)
SCALARS = 4

ENDLESS = 2**40  # numbers
CALLBACK = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * POINTERS)


class Part:
    """A function of (n, p, z, x, s), compiled for float32 or float64 when a program needs it.

    Args of the function, all pointers:
        n: the instruction's numbers; n[1] and n[2] are the examples of a minibatch and the same
            padded to whole vectors, n[3] on are those given to `Program.add`.
        p: the member's parameters.
        z: the memory of a step, which members share. Signals lie there as (units, batch).
        x: the minibatch: contexts (batch, context), then targets (batch), int64.
        s: the scalars of the step.
    """

    def __init__(self, function: Callable[..., None]) -> None:
        self._function = function
        self._addresses: dict[str, int] = {}

    def address(self, dtype: np.dtype[Any]) -> int:
        """Where the code for numbers of a dtype begins."""
        if dtype.name not in self._addresses:
            number = getattr(types, dtype.name)
            kinds = (types.int64, number, number, types.int64, types.float64)
            signature = types.void(*(types.CPointer(kind) for kind in kinds))
            self._addresses[dtype.name] = address_of(self._function, signature)
        return self._addresses[dtype.name]


class Member(NamedTuple):
    """What a Python function in a program gets of a member: its memories, without an end.

    Attributes:
        p, z, s: as a part gets them.
    """

    p: Array
    z: Array
    s: Array


def _numbers(place: int, dtype: np.dtype[Any]) -> Array:
    """The memory from an address on; only what belongs to the member may be touched."""
    return np.ctypeslib.as_array((np.ctypeslib.as_ctypes_type(dtype) * ENDLESS).from_address(place))


class Program:
    """Parts in the order in which a member goes through them, and the memory that they need.

    Args:
        examples: of a minibatch, B.
        dtype: of parameters and signals.

    Attributes:
        batch: B padded to whole vectors. No result depends on the padding.
        size: numbers of memory that all signals take.
    """

    def __init__(self, examples: int, dtype: np.dtype[Any]) -> None:
        self.examples, self.dtype = examples, dtype
        self.batch = padded(examples)
        self.size = 0
        self._instructions: list[tuple[list[int], bool]] = []
        self._callbacks: list[Any] = []  # kept alive

    def memory(self, numbers: int) -> int:
        """A place for so many numbers."""
        place = self.size
        self.size += padded(numbers)
        return place

    def signal(self, units: int) -> int:
        """A place for a signal (units, batch), and for what is read and written beyond it."""
        return self.memory((units + MOST_ROWS) * self.batch)

    def add(self, part: Part, *numbers: int, observing: bool = False) -> None:
        """Append a part with its numbers; with `observing`, for programs that measure only."""
        self._append(part.address(self.dtype), numbers, observing)

    def add_python(self, function: Callable[["Member"], None]) -> None:
        """Append a Python function, which must not raise."""

        def called(_: int, p: int, z: int, __: int, s: int) -> None:
            parameters, signals = (_numbers(place, self.dtype) for place in (p, z))
            function(Member(parameters, signals, _numbers(s, np.dtype(np.float64))))

        callback = CALLBACK(called)
        self._callbacks.append(callback)
        address = ctypes.cast(callback, ctypes.c_void_p).value
        assert address is not None  # noqa: S101 - a callback has an address
        self._append(address, ())

    def _append(self, address: int, numbers: tuple[int, ...], observing: bool = False) -> None:
        head = [address, self.examples, self.batch, *numbers]
        assert len(head) <= LENGTH  # noqa: S101 - a part with more numbers needs a larger LENGTH
        self._instructions.append((head + [0] * (LENGTH - len(head)), observing))

    def code(self, observing: bool = False) -> Array:
        """The instructions, (n, LENGTH) int64, with those for `observing` or without them."""
        rows = [numbers for numbers, extra in self._instructions if observing or not extra]
        return np.array(rows, np.int64).reshape(-1, LENGTH)


def padded(count: int) -> int:
    """A count rounded up to whole vectors."""
    return -(-count // LANES) * LANES
