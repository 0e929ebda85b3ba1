"""Matrix products tile by tile, each tile of the output in registers until it is complete.

Every entry is one chain of fused multiply-adds in a fixed order. Its bits therefore depend on its
row and its column alone: not on the tile it falls in, the matrix's shape or the register's width.
numba has no type for registers, so tiles are written in LLVM's intermediate representation. The
addresses of a tile's rows are computed outside the inner loop, which saves a fifth of the time.
"""

from itertools import product as pairs
from typing import Any

import llvmlite.binding
import numba
from llvmlite import ir
from numba import types

from harness.subjects.char_mlp.layers import llvm
from harness.subjects.char_mlp.layers.lanes import LANES
from harness.subjects.char_mlp.layers.llvm import LONG

WIDE = bool(llvmlite.binding.get_host_cpu_features().get("avx512f"))
# Rows and vectors of a tile of activations: as many accumulators as registers leave room for.
TALL, BROAD = (10, 2) if WIDE else (6, 1)
MOST_ROWS = LANES  # by which tiles, transposed squares and sums may reach beyond a matrix


def _tile(rows: int, vectors: int, *, add: bool = False) -> Any:
    """The intrinsic that computes a tile of a product, rows × (vectors × LANES).

    It computes Σᵢ a[a0 + r a_row + i a_step] b[b0 + i b_step + c] for i < n, and writes it to
    out[o0 + r o_row + c], or with `add` adds it there times a factor.
    """

    def apply(
        _: Any, factor: Any, a: Any, a0: Any, a_row: Any, a_step: Any,
        b: Any, b0: Any, b_step: Any, n: Any, out: Any, o0: Any, o_row: Any,
    ) -> Any:  # fmt: skip
        def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            factor_, a_, a0, a_row, a_step, b_, b0, b_step, n, out_, o0, o_row = given
            first_a = llvm.address(context, builder, a, a_, a0)
            first_b = llvm.address(context, builder, b, b_, b0)
            offsets = [builder.mul(a_row, LONG(r)) for r in range(rows)]
            sums = _sums(builder, vectors, first_a, offsets, a_step, first_b, b_step, n)
            first_out = llvm.address(context, builder, out, out_, o0)
            scale = context.cast(builder, factor_, signature.args[0], out.dtype)
            scale = llvm.broadcast(builder, scale)
            for (r, c), value in sums.items():
                row = builder.gep(first_out, [builder.mul(o_row, LONG(r))])
                place = builder.gep(row, [LONG(LANES * c)])
                if add:
                    value = llvm.fma(builder, scale, value, llvm.load(builder, place))
                llvm.store(builder, value, place)
            return context.get_dummy_value()

        at = types.int64
        return types.none(factor, a, at, at, at, b, at, at, at, out, at, at), code

    return llvm.intrinsic(apply)


def _sums(
    builder: Any, vectors: int, a: Any, offsets: list[Any], a_step: Any, b: Any, b_step: Any, n: Any
) -> dict[tuple[int, int], Any]:
    """LLVM's loop over i < n that adds up a tile; returns its vectors by row and place in the row.

    Args:
        vectors: of a row.
        a, b: pointers to their first entries.
        offsets: of the tile's rows of a.
        a_step, b_step: from one i to the next.
    """
    cells = list(pairs(range(len(offsets)), range(vectors)))
    zero = ir.Constant(ir.VectorType(a.type.pointee, LANES), None)
    before = builder.block
    loop, done = (builder.append_basic_block(name) for name in ("tile", "tile.done"))
    builder.cbranch(builder.icmp_signed(">", n, LONG(0)), loop, done)

    builder.position_at_end(loop)
    i, at_a, at_b = (builder.phi(kind) for kind in (LONG, a.type, b.type))
    sums = {cell: builder.phi(zero.type) for cell in cells}
    line = [llvm.load(builder, builder.gep(at_b, [LONG(LANES * c)])) for c in range(vectors)]
    entries = [
        llvm.broadcast(builder, builder.load(builder.gep(at_a, [offset]))) for offset in offsets
    ]
    later = {(r, c): llvm.fma(builder, entries[r], line[c], sums[r, c]) for r, c in cells}
    following = builder.add(i, LONG(1))
    for phi, start, next_ in (
        (i, LONG(0), following),
        (at_a, a, builder.gep(at_a, [a_step])),
        (at_b, b, builder.gep(at_b, [b_step])),
        *((sums[cell], zero, later[cell]) for cell in cells),
    ):
        phi.add_incoming(start, before)
        phi.add_incoming(next_, loop)
    builder.cbranch(builder.icmp_signed("<", following, n), loop, done)

    builder.position_at_end(done)
    results = {cell: builder.phi(zero.type) for cell in cells}
    for cell, result in results.items():
        result.add_incoming(zero, before)
        result.add_incoming(later[cell], loop)
    return results


broad_tile, narrow_tile = _tile(TALL, BROAD), _tile(TALL, 1)
# Of weights: rows of one to four vectors; without AVX-512 one is all that registers hold.
FLAT = 5  # rows
added_1, added_2, added_3, added_4 = (_tile(FLAT, vectors, add=True) for vectors in (1, 2, 3, 4))


@numba.njit(forceinline=True)
def activation_product(a, a0, a_row, a_step, x, x0, inner, out, o0, rows, batch):  # type: ignore[no-untyped-def]  # of numba's own types
    """out (rows, batch) ← A x for A (rows, inner) at any steps, and x (inner, batch)."""
    b = 0
    while b + BROAD * LANES <= batch:
        for r in range(0, rows, TALL):
            broad_tile(1.0, a, a0 + r * a_row, a_row, a_step, x, x0 + b, batch, inner,
                       out, o0 + r * batch + b, batch)  # fmt: skip
        b += BROAD * LANES
    while b < batch:
        for r in range(0, rows, TALL):
            narrow_tile(1.0, a, a0 + r * a_row, a_row, a_step, x, x0 + b, batch, inner,
                        out, o0 + r * batch + b, batch)  # fmt: skip
        b += LANES


@numba.njit(forceinline=True)
def add_weight_product(factor, x, x0, batch, d, d0, stride, examples, w, w0, rows, columns):  # type: ignore[no-untyped-def]  # of numba's own types
    """w (rows, columns) ← w + factor · x d for x (rows, batch) and d (examples, columns)."""
    for r in range(0, rows, FLAT):
        c = 0
        if WIDE:
            while c + 4 * LANES <= columns:
                added_4(factor, x, x0 + r * batch, batch, 1, d, d0 + c, stride, examples,
                        w, w0 + r * stride + c, stride)  # fmt: skip
                c += 4 * LANES
            if c + 3 * LANES <= columns:
                added_3(factor, x, x0 + r * batch, batch, 1, d, d0 + c, stride, examples,
                        w, w0 + r * stride + c, stride)  # fmt: skip
                c += 3 * LANES
            elif c + 2 * LANES <= columns:
                added_2(factor, x, x0 + r * batch, batch, 1, d, d0 + c, stride, examples,
                        w, w0 + r * stride + c, stride)  # fmt: skip
                c += 2 * LANES
        while c < columns:
            added_1(factor, x, x0 + r * batch, batch, 1, d, d0 + c, stride, examples,
                    w, w0 + r * stride + c, stride)  # fmt: skip
            c += LANES
