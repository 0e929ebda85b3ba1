"""The matrix products of stacked layers, in tiles that stay in registers.

A product is a sum of outer products of the left matrix's columns with the right matrix's rows. A
tile is a block of the result that fits into registers. All outer products are added to it before it
is stored. Every entry is therefore one chain of fused multiply-adds in the order of the inner
index, whatever the stack, the tile's shape and the memory's alignment.

With AVX-512, which MKL does not use on AMD's processors, this takes half the time of torch.bmm,
forward and backward, at widths 20 to 512; with AVX2 only, about the same time. numba has no type
for registers, so operations on tiles are written in LLVM's intermediate representation.
"""

from collections.abc import Callable
from typing import Any

import llvmlite.binding
import numba
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, register_model

from harness.subjects.char_mlp.layers.kernels import Array, kernel

REGISTER = 64 if llvmlite.binding.get_host_cpu_features().get("avx512f") else 32  # bytes
ROWS = 8  # of a tile, one register each: enough independent chains to hide an FMA's latency

INT = ir.IntType(32)

# Turns a function from argument types to a signature and a code generator into an intrinsic.
operation: Callable[[Callable[..., Any]], Callable[..., Any]] = intrinsic


class Tile(types.Type):
    """The numba type of a tile: ROWS registers of numbers.

    Attributes:
        dtype: of the numbers.
        columns: numbers in a register.
    """

    def __init__(self, dtype: Any) -> None:
        super().__init__(f"Tile({dtype})")
        self.dtype = dtype
        self.columns = 8 * REGISTER // dtype.bitwidth


@register_model(Tile)
class _TileModel(models.PrimitiveModel):
    def __init__(self, manager: Any, tile: Tile) -> None:
        number = manager.lookup(tile.dtype).get_value_type()
        super().__init__(manager, tile, ir.ArrayType(ir.VectorType(number, tile.columns), ROWS))


class _Matrix:
    """Generates code for access to a matrix in a kernel.

    Args:
        context, builder: numba's and LLVM's.
        kind: the matrix's numba type.
        value: the matrix's LLVM value.
    """

    def __init__(self, context: Any, builder: Any, kind: Any, value: Any) -> None:
        self.context, self.builder, self.kind = context, builder, kind
        self.array = context.make_array(kind)(context, builder, value)
        self.register = context.get_value_type(Tile(kind.dtype)).element

    def pointer(self, row: Any, column: Any) -> Any:
        """Pointer to an entry."""
        place = [row, column]
        return cgutils.get_item_pointer(self.context, self.builder, self.kind, self.array, place)

    def pointers(self, row: Any, column: Any, count: int) -> list[Any]:
        """Pointers to one register of entries in each of `count` rows, from `column` on."""
        rows = [self.builder.add(row, row.type(i)) for i in range(count)]
        return [
            self.builder.bitcast(self.pointer(r, column), self.register.as_pointer()) for r in rows
        ]

    def load(self, row: Any, column: Any, count: int) -> list[Any]:
        """The registers at `pointers`."""
        pointers = self.pointers(row, column, count)
        return [self.builder.load(p, align=self.kind.dtype.bitwidth // 8) for p in pointers]

    def store(self, row: Any, column: Any, registers: list[Any]) -> None:
        """Write the registers to `pointers`."""
        pointers = self.pointers(row, column, len(registers))
        for pointer, register in zip(pointers, registers, strict=True):
            # entries are aligned to their own size only, not to a register's
            self.builder.store(register, pointer, align=self.kind.dtype.bitwidth // 8)


def _rows(builder: Any, tile: Any) -> list[Any]:
    return [builder.extract_value(tile, row) for row in range(ROWS)]


@operation
def empty_tile(_: Any, matrix: Any) -> Any:
    """A tile of zeros with a matrix's dtype."""
    tile = Tile(matrix.dtype)
    return tile(matrix), lambda context, *_: ir.Constant(context.get_value_type(tile), None)


@operation
def add_outer(_: Any, tile: Any, a: Any, row: Any, b: Any, column: Any, i: Any) -> Any:
    """The tile plus the outer product a[row : row + ROWS, i] ⊗ b[i, column : column + width]."""

    def code(context: Any, builder: Any, _: Any, arguments: Any) -> Any:
        total, a_value, row, b_value, column, i = arguments
        left = _Matrix(context, builder, a, a_value)
        right = _Matrix(context, builder, b, b_value)
        (b_row,) = right.load(i, column, 1)
        register, undefined = b_row.type, ir.Constant(b_row.type, ir.Undefined)
        name = f"llvm.fma.v{register.count}f{tile.dtype.bitwidth}"
        fma = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(register, [register] * 3), name
        )
        first = ir.Constant(ir.VectorType(INT, register.count), None)
        for r, before in enumerate(_rows(builder, total)):
            entry = builder.load(left.pointer(builder.add(row, row.type(r)), i))
            entry = builder.insert_element(undefined, entry, INT(0))
            broadcast = builder.shuffle_vector(entry, undefined, first)
            total = builder.insert_value(total, builder.call(fma, [broadcast, b_row, before]), r)
        return total

    return tile(tile, a, row, b, column, i), code


@operation
def store(_: Any, tile: Any, out: Any, row: Any, column: Any) -> Any:
    """out[row:, column:] ← the tile."""

    def code(context: Any, builder: Any, _: Any, arguments: Any) -> Any:
        value, out_value, row, column = arguments
        _Matrix(context, builder, out, out_value).store(row, column, _rows(builder, value))
        return context.get_dummy_value()

    return types.none(tile, out, row, column), code


@operation
def subtract(_: Any, tile: Any, out: Any, row: Any, column: Any) -> Any:
    """out[row:, column:] ← out[row:, column:] − the tile."""

    def code(context: Any, builder: Any, _: Any, arguments: Any) -> Any:
        value, out_value, row, column = arguments
        matrix = _Matrix(context, builder, out, out_value)
        pairs = zip(matrix.load(row, column, ROWS), _rows(builder, value), strict=True)
        matrix.store(row, column, [builder.fsub(one, two) for one, two in pairs])
        return context.get_dummy_value()

    return types.none(tile, out, row, column), code


@operation
def transpose_square(_: Any, a: Any, row: Any, column: Any, out: Any) -> Any:
    """out[column:, row:] ← a[row:, column:] transposed, for a square as wide as a register.

    Each round interleaves the entries of row n of the upper half with those of row n of the lower
    half. After log2(width) rounds the columns are rows.
    """
    tile = Tile(a.dtype)
    width = tile.columns

    def code(context: Any, builder: Any, _: Any, arguments: Any) -> Any:
        a_value, row, column, out_value = arguments
        rows = _Matrix(context, builder, a, a_value).load(row, column, width)
        order = [n // 2 + width * (n % 2) for n in range(2 * width)]  # 0, width, 1, width + 1, …
        halves = [
            ir.Constant(ir.VectorType(INT, width), order[:width]),
            ir.Constant(ir.VectorType(INT, width), order[width:]),
        ]
        for _ in range(width.bit_length() - 1):
            pairs = zip(rows[: width // 2], rows[width // 2 :], strict=True)
            rows = [builder.shuffle_vector(*pair, half) for pair in pairs for half in halves]
        _Matrix(context, builder, out, out_value).store(column, row, rows)
        return context.get_dummy_value()

    return types.none(a, row, column, out), code


@numba.njit(forceinline=True)
def tile_product(a, b, row, column, inner):  # type: ignore[no-untyped-def]  # of numba's own types
    """The tile of the product a b that starts at a row and a column."""
    tile = empty_tile(b)
    for i in range(inner):
        tile = add_outer(tile, a, row, b, column, i)
    return tile


@kernel
def product(x: Array, w: Array, out: Array, rows: int, fan_in: int, fan_out: int) -> None:
    """out (K, B, fan_out) ← x w, for x (K, B, fan_in) and w (K, fan_in, fan_out)."""
    for k in range(len(w)):
        a, b, c = x[k], w[k], out[k]
        for column in range(0, fan_out, REGISTER // w.itemsize):
            for row in range(0, rows, ROWS):
                store(tile_product(a, b, row, column, fan_in), c, row, column)


@kernel
def product_back(
    d_out: Array, w: Array, d_x: Array, rows: int, fan_in: int, fan_out: int, transposed: Array
) -> None:
    """d_x (K, B, fan_in) ← d_out wᵀ; `transposed` (fan_out, fan_in) is memory for a member's wᵀ.

    Transposing takes a fifth of the time. Without it, entries would be sums across registers, in
    another order.
    """
    width = REGISTER // w.itemsize
    for k in range(len(w)):
        a, b, c = d_out[k], w[k], d_x[k]
        for row in range(0, fan_in, width):
            for column in range(0, fan_out, width):
                transpose_square(b, row, column, transposed)
        for column in range(0, fan_in, width):
            for row in range(0, rows, ROWS):
                store(tile_product(a, transposed, row, column, fan_out), c, row, column)


@kernel
def subtract_product(
    x: Array, d_out: Array, w: Array, rows: int, fan_in: int, fan_out: int
) -> None:
    """w (K, fan_in, fan_out) ← w − xᵀ d_out; each entry of the product is complete first."""
    for k in range(len(w)):
        a, b, c = x[k].T, d_out[k], w[k]
        for column in range(0, fan_out, REGISTER // w.itemsize):
            for row in range(0, fan_in, ROWS):
                subtract(tile_product(a, b, row, column, rows), c, row, column)
