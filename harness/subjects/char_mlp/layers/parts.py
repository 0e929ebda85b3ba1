"""Parts: the compiled pieces that a training step is put together from.

A part is a short function over the flat memory of one member: a norm's forward pass, a matrix
product, an update. A `Program` is a list of parts with their numbers (places, widths). `run` and
`drive` carry it out for a member without going back to Python, so that the member's numbers stay in
the cache over several steps. Any network is thus one program, though every layer is a file of its
own and is compiled once.
"""

import ctypes
from collections.abc import Callable
from typing import Any, NamedTuple

import numba
import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import types

from harness.subjects.char_mlp.layers.lanes import (
    LANES,
    LONG,
    fma,
    operation,
    pointer,
    put,
    spread,
    take,
)
from harness.subjects.char_mlp.layers.products import MOST_ROWS

Array = npt.NDArray[Any]

# What a part gets of a member: numbers of the instruction, parameters, memory of the step,
# minibatch, scalars.
POINTERS = 5
NUMBERS = 12  # of an instruction: the address of its part, then the part's own

# Scalars of a member, float64.
RATE, LOSS, ENERGY, STOP = range(4)
SCALARS = 4

# A weight's gradient is the product of its layer's inputs and output gradients. If the entries of
# both are below 1e10, it cannot overflow; otherwise the gradient itself is computed and checked.
SAFE_ENERGY = 1e20

ENDLESS = 2**40  # numbers
CALLBACK = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * POINTERS)


class Part:
    """A function of (n, p, z, x, s), compiled for float32 or float64 when a program needs it.

    Args of the function, all pointers:
        n: the instruction's numbers; n[1] and n[2] are the examples of a minibatch and the same
            padded to whole vectors, n[3] on are the part's own.
        p: the member's parameters.
        z: the memory of a step, which members share. Signals lie there as (units, batch).
        x: the minibatch: contexts (batch, context), then targets (batch), int64.
        s: the member's scalars.
    """

    def __init__(self, function: Callable[..., None]) -> None:
        self._function = function
        self._compiled: dict[str, Any] = {}

    def address(self, dtype: np.dtype[Any]) -> int:
        """Where the code for numbers of a dtype begins."""
        if dtype.name not in self._compiled:
            number = getattr(types, dtype.name)
            kinds = (types.int64, number, number, types.int64, types.float64)
            signature = types.void(*(types.CPointer(kind) for kind in kinds))
            compile_ = numba.cfunc(signature, cache=True, error_model="numpy")
            self._compiled[dtype.name] = compile_(self._function)
        return int(self._compiled[dtype.name].address)


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
        """A place for so many numbers, and for what tiles write beyond them."""
        place = self.size
        self.size += padded(numbers)
        return place

    def signal(self, units: int) -> int:
        """A place for a signal (units, batch)."""
        return self.memory((units + MOST_ROWS) * self.batch)

    def add(self, part: Part, *numbers: int, observing: bool = False) -> None:
        """Let a part follow, with its numbers; one for `observing` only, if asked for."""
        self._append(part.address(self.dtype), numbers, observing)

    def add_python(self, function: Callable[["Member"], None]) -> None:
        """Let a Python function follow, which must not raise."""

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
        self._instructions.append((head + [0] * (NUMBERS - len(head)), observing))

    def code(self, observing: bool = False) -> Array:
        """The instructions, (n, NUMBERS) int64, with those for `observing` or without them."""
        rows = [numbers for numbers, extra in self._instructions if observing or not extra]
        return np.array(rows, np.int64).reshape(-1, NUMBERS)


def padded(count: int) -> int:
    """A count rounded up to whole vectors."""
    return -(-count // LANES) * LANES


@operation
def _call(_: Any, code: Any, place: Any, p: Any, z: Any, x: Any, s: Any) -> Any:
    """Carry out the instruction that begins at a place of a code."""

    def generate(_: Any, builder: Any, __: Any, given: Any) -> Any:
        start = builder.gep(given[0], [given[1]])
        pointers = [start, *given[2:]]
        function = ir.FunctionType(ir.VoidType(), [one.type for one in pointers])
        address = builder.inttoptr(builder.load(start), function.as_pointer())
        builder.call(address, pointers)
        return ir.Constant(LONG, 0)

    return types.int64(code, types.int64, p, z, x, s), generate


@numba.njit(cache=True)
def run(code: Array, p: Array, z: Array, x: Array, s: Array) -> None:
    """Carry out a program for a member with these memories (1-d)."""
    for number in range(len(code)):
        _call(pointer(code), number * NUMBERS, pointer(p), pointer(z), pointer(x), pointer(s))


@numba.njit(cache=True)
def sgd(
    spans: Array, p: Array, g: Array, v: Array, rate: float, momentum: float, decay: float
) -> None:
    """Take a step of SGD, as torch.optim.SGD defines it; g becomes what was subtracted over rate.

    Args:
        spans: where trained numbers begin and end (n, 2).
        p, g: a member's parameters and gradients.
        v: its velocities; may be empty without momentum.
        rate, momentum, decay: learning rate, momentum and weight decay.
    """
    for span in range(len(spans)):
        for at in range(spans[span, 0], spans[span, 1], LANES):
            change, before = take(g, at), take(p, at)
            if decay != 0:
                change = fma(spread(p, decay), before, change)
            if momentum != 0:
                change = fma(spread(p, momentum), take(v, at), change)
                put(v, at, change)
            put(g, at, change)
            put(p, at, fma(spread(p, -rate), change, before))


@numba.njit(cache=True)
def drive(
    codes: tuple[Array, Array, Array], spans: Array, p: Array, g: Array, v: Array,
    momentum: float, decay: float, z: Array, x: Array, s: Array,
    contexts: Array, targets: Array, rows: Array, rates: Array, losses: Array, step: int,
) -> int:  # fmt: skip
    """Take steps until all are taken or one is in doubt; returns how many were taken.

    A step is in doubt if its loss is not finite or its `ENERGY` does not exclude that a gradient is
    not. Its forward and backward passes are done then, but nothing is updated.

    Args:
        codes: of the programs that compute the gradients, subtract them, and settle buffers.
        spans, p, g, v, momentum, decay: as in `sgd`.
        z, x, s: the other memories.
        contexts, targets: all training examples (N, context), (N,).
        rows: the examples of each step (n, B).
        rates: the learning rate of each step (n,).
        losses: output (n,), nats.
        step: how many were taken before.
    """
    gradient, update, settle = codes
    while step < len(rows):
        load(contexts, targets, rows[step], x)
        s[ENERGY] = 0.0
        run(gradient, p, z, x, s)
        losses[step] = s[LOSS]
        if not (s[ENERGY] < SAFE_ENERGY and np.isfinite(s[LOSS])) or s[STOP] != 0:
            break
        if momentum == 0 and decay == 0:
            s[RATE] = rates[step]
            run(update, p, z, x, s)
        else:
            g[:] = 0
            s[RATE] = -1.0
            run(update, g, z, x, s)
            sgd(spans, p, g, v, rates[step], momentum, decay)
        run(settle, p, z, x, s)
        step += 1
    return step


@numba.njit(cache=True)
def load(contexts: Array, targets: Array, rows: Array, x: Array) -> None:
    """Copy these rows of the examples into a member's minibatch."""
    context = contexts.shape[1]
    for b in range(len(rows)):
        for c in range(context):
            x[b * context + c] = contexts[rows[b], c]
        x[len(rows) * context + b] = targets[rows[b]]
