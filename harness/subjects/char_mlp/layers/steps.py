"""How programs are carried out for a member, and how it takes several steps in a row.

All of it is compiled: the member's numbers stay in the cache while it takes its steps.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types

from harness.subjects.char_mlp.layers.compiled import compiled
from harness.subjects.char_mlp.layers.lanes import LANES, broadcast, fma, pointer, put, take
from harness.subjects.char_mlp.layers.llvm import LONG, intrinsic
from harness.subjects.char_mlp.layers.parts import ENERGY, LENGTH, LOSS, RATE, STOP, Array

# A weight's gradient is the product of its layer's inputs and output gradients. If the entries of
# both are below 1e10, it cannot overflow; otherwise the gradient itself is computed and checked.
SAFE_ENERGY = 1e20


@intrinsic
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


@compiled
def run(code: Array, p: Array, z: Array, x: Array, s: Array) -> None:
    """Carry out a program for a member with these memories (1-d)."""
    for number in range(len(code)):
        _call(pointer(code), number * LENGTH, pointer(p), pointer(z), pointer(x), pointer(s))


@compiled
def collect(update: Array, g: Array, z: Array, x: Array, s: Array) -> None:
    """Write the gradients of the last step to g, by the program that subtracts them."""
    g[:] = 0
    s[RATE] = -1.0  # 0 − (−1) × gradient
    run(update, g, z, x, s)


@compiled
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
                change = fma(broadcast(p, decay), before, change)
            if momentum != 0:
                change = fma(broadcast(p, momentum), take(v, at), change)
                put(v, at, change)
            put(g, at, change)
            put(p, at, fma(broadcast(p, -rate), change, before))


@compiled
def drive(
    codes: tuple[Array, Array, Array], spans: Array, p: Array, g: Array, v: Array,
    momentum: float, decay: float, z: Array, x: Array, s: Array,
    contexts: Array, targets: Array, rows: Array, rates: Array, losses: Array, step: int,
) -> int:  # fmt: skip
    """Take steps until all are taken or one is in doubt; returns how many were taken.

    A step is in doubt if its loss is not finite or its `ENERGY` does not exclude that a gradient is
    not. Its forward and backward passes are done then, but nothing is updated.

    Args:
        codes: of the programs that compute the gradients, subtract them, and update buffers.
        spans, p, g, v, momentum, decay: as in `sgd`.
        z, x, s: the other memories.
        contexts, targets: all training examples (N, context), (N,).
        rows: the examples of each step (n, B).
        rates: the learning rate of each step (n,).
        losses: output (n,), nats.
        step: how many were taken before.
    """
    gradient, update, buffers = codes
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
            collect(update, g, z, x, s)
            sgd(spans, p, g, v, rates[step], momentum, decay)
        run(buffers, p, z, x, s)
        step += 1
    return step


@compiled
def load(contexts: Array, targets: Array, rows: Array, x: Array) -> None:
    """Copy these rows of the examples into a member's minibatch."""
    context = contexts.shape[1]
    for b in range(len(rows)):
        row = rows[b]
        for c in range(context):
            x[b * context + c] = contexts[row, c]
        x[len(rows) * context + b] = targets[row]
