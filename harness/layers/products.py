"""The matrix products of stacked layers, in tiles that stay in the processor's registers.

A product is a sum of outer products: of the columns of its left with the rows of its right matrix.
A tile is a piece of it, as many entries as fit into registers, to which one outer product after the
other is added; only then does it go to memory. Every entry so is one chain of fused multiply-adds
in the order of the inner index, whatever the stack, the tile's shape and the memory's alignment.

Where the processor has AVX-512, of which MKL makes no use on AMD's, this takes half the time of
torch.bmm, forward and backward, at widths 20 to 512; with AVX2 only it takes about the same.
numba has no word for registers, so what is done to them is said in the compiler's own language.
"""

from collections.abc import Callable
from typing import Any

import llvmlite.binding
import numba
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, register_model

from harness.layers.kernels import Array, kernel

REGISTER = 64 if llvmlite.binding.get_host_cpu_features().get("avx512f") else 32  # bytes
ROWS = 8  # of a tile, a register each: few enough for every processor, enough to keep it busy

INT = ir.IntType(32)

# Of a function from the types of what a kernel hands over to the operation's type and its code.
operation: Callable[[Callable[..., Any]], Callable[..., Any]] = intrinsic


class Tile(types.Type):
    """The type, in a kernel, of ROWS registers of numbers.

    Attributes:
        dtype: of the numbers.
        columns: how many of them a register holds.
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
    """A matrix within a kernel that is being compiled.

    Args:
        context, builder: the compiler's.
        kind: the matrix's type in numba's terms.
        value: the matrix.
    """

    def __init__(self, context: Any, builder: Any, kind: Any, value: Any) -> None:
        self.context, self.builder, self.kind = context, builder, kind
        self.array = context.make_array(kind)(context, builder, value)
        self.register = context.get_value_type(Tile(kind.dtype)).element

    def place(self, row: Any, column: Any) -> Any:
        """Where an entry is."""
        place = [row, column]
        return cgutils.get_item_pointer(self.context, self.builder, self.kind, self.array, place)

    def registers(self, row: Any, column: Any, count: int) -> list[Any]:
        """Where there is a register's worth of entries, from one column on in so many rows."""
        rows = [self.builder.add(row, row.type(i)) for i in range(count)]
        return [self.builder.bitcast(self.place(r, column), self.register.as_pointer())
                for r in rows]  # fmt: skip

    def load(self, row: Any, column: Any, count: int) -> list[Any]:
        """The entries there."""
        places = self.registers(row, column, count)
        return [self.builder.load(place, align=self.kind.dtype.bitwidth // 8) for place in places]

    def store(self, row: Any, column: Any, registers: list[Any]) -> None:
        """Replace the entries there."""
        places = self.registers(row, column, len(registers))
        for place, register in zip(places, registers, strict=True):
            self.builder.store(register, place, align=self.kind.dtype.bitwidth // 8)


def _rows(builder: Any, tile: Any) -> list[Any]:
    return [builder.extract_value(tile, row) for row in range(ROWS)]


@operation
def empty_tile(_: Any, matrix: Any) -> Any:
    """A tile of zeros, of a matrix's type of number."""
    tile = Tile(matrix.dtype)
    return tile(matrix), lambda context, *_: ir.Constant(context.get_value_type(tile), None)


@operation
def add_outer(_: Any, tile: Any, a: Any, row: Any, b: Any, column: Any, i: Any) -> Any:
    """The tile plus a[row:, i] ⊗ b[i, column:], as far as the tile reaches."""

    def code(context: Any, builder: Any, _: Any, given: Any) -> Any:
        total, a_value, row, b_value, column, i = given
        left = _Matrix(context, builder, a, a_value)
        right = _Matrix(context, builder, b, b_value)
        (b_row,) = right.load(i, column, 1)
        register, undefined = b_row.type, ir.Constant(b_row.type, ir.Undefined)
        name = f"llvm.fma.v{register.count}f{tile.dtype.bitwidth}"
        fma = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(register, [register] * 3), name
        )
        first = ir.Constant(ir.VectorType(INT, register.count), None)
        for r, kept in enumerate(_rows(builder, total)):
            entry = builder.load(left.place(builder.add(row, row.type(r)), i))
            entry = builder.insert_element(undefined, entry, INT(0))
            everywhere = builder.shuffle_vector(entry, undefined, first)
            total = builder.insert_value(total, builder.call(fma, [everywhere, b_row, kept]), r)
        return total

    return tile(tile, a, row, b, column, i), code


@operation
def store(_: Any, tile: Any, out: Any, row: Any, column: Any) -> Any:
    """out[row:, column:] ← the tile."""

    def code(context: Any, builder: Any, _: Any, given: Any) -> Any:
        value, out_value, row, column = given
        _Matrix(context, builder, out, out_value).store(row, column, _rows(builder, value))
        return context.get_dummy_value()

    return types.none(tile, out, row, column), code


@operation
def subtract(_: Any, tile: Any, out: Any, row: Any, column: Any) -> Any:
    """out[row:, column:] ← itself minus the tile."""

    def code(context: Any, builder: Any, _: Any, given: Any) -> Any:
        value, out_value, row, column = given
        matrix = _Matrix(context, builder, out, out_value)
        pairs = zip(matrix.load(row, column, ROWS), _rows(builder, value), strict=True)
        matrix.store(row, column, [builder.fsub(one, two) for one, two in pairs])
        return context.get_dummy_value()

    return types.none(tile, out, row, column), code


@operation
def transpose_square(_: Any, a: Any, row: Any, column: Any, out: Any) -> Any:
    """out[column:, row:] ← a[row:, column:] transposed, a square as wide as a register.

    Its rows are riffled like a pack of cards: entries of the upper and the lower half in turn.
    As often as the width can be halved, and columns have become rows.
    """
    tile = Tile(a.dtype)
    width = tile.columns

    def code(context: Any, builder: Any, _: Any, given: Any) -> Any:
        a_value, row, column, out_value = given
        rows = _Matrix(context, builder, a, a_value).load(row, column, width)
        in_turn = [n // 2 + width * (n % 2) for n in range(2 * width)]
        halves = [ir.Constant(ir.VectorType(INT, width), in_turn[:width]),
                  ir.Constant(ir.VectorType(INT, width), in_turn[width:])]  # fmt: skip
        for _ in range(width.bit_length() - 1):
            pairs = zip(rows[: width // 2], rows[width // 2 :], strict=True)
            rows = [builder.shuffle_vector(*pair, half) for pair in pairs for half in halves]
        _Matrix(context, builder, out, out_value).store(column, row, rows)
        return context.get_dummy_value()

    return types.none(a, row, column, out), code


@numba.njit(forceinline=True)
def tile_product(a, b, row, column, inner):  # type: ignore[no-untyped-def]  # of numba's own types
    """The tile of the product a b that begins at a row and a column."""
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
    d_out: Array, w: Array, d_x: Array, rows: int, fan_in: int, fan_out: int, turned: Array
) -> None:
    """d_x (K, B, fan_in) ← d_out wᵀ; wᵀ is written down, member by member, in `turned`.

    That takes a fifth of this time; products with w as it lies would end in sums over registers.
    """
    width = REGISTER // w.itemsize
    for k in range(len(w)):
        a, b, c = d_out[k], w[k], d_x[k]
        for row in range(0, fan_in, width):
            for column in range(0, fan_out, width):
                transpose_square(b, row, column, turned)
        for column in range(0, fan_in, width):
            for row in range(0, rows, ROWS):
                store(tile_product(a, turned, row, column, fan_out), c, row, column)


@kernel
def subtract_product(
    x: Array, d_out: Array, w: Array, rows: int, fan_in: int, fan_out: int
) -> None:
    """w (K, fan_in, fan_out) ← w − xᵀ d_out, the product being summed up before."""
    for k in range(len(w)):
        a, b, c = x[k].T, d_out[k], w[k]
        for column in range(0, fan_out, REGISTER // w.itemsize):
            for row in range(0, fan_in, ROWS):
                subtract(tile_product(a, b, row, column, rows), c, row, column)
