"""Sums over the examples, of LANES units at once.

The vectors of a unit are added up, then the lanes of their sum in the order of `total`: the bits
are the same. With few examples those folds would take most of the time. Here two units share a
vector from the first fold on: LANES units take 15 folds instead of 64. Rows beyond a signal's units
are read; what is found of them has no meaning.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from harness.subjects.char_mlp.layers import llvm
from harness.subjects.char_mlp.layers.lanes import LANES, Lanes
from harness.subjects.char_mlp.layers.llvm import LONG, NUMBERS, intrinsic


def _folded(builder: Any, rows: list[Any]) -> Any:
    """LLVM's vector of the totals of LANES vectors, in their order.

    A fold takes vectors n and n + half of those left. It adds the upper half of every row in them
    to the lower one, and lets what is left of both alternate.
    """
    size = LANES  # lanes that are left of a row
    while size > 1:
        low = [
            start + lane
            for block in range(0, LANES, size)
            for start in (block, LANES + block)
            for lane in range(size // 2)
        ]
        halves = [ir.Constant(NUMBERS, [n + up for n in low]) for up in (0, size // 2)]
        pairs = zip(rows[: len(rows) // 2], rows[len(rows) // 2 :], strict=True)
        rows = [builder.fadd(*(builder.shuffle_vector(*pair, h) for h in halves)) for pair in pairs]
        size //= 2
    return rows[0]


@dataclass(frozen=True)
class _Vector:
    """Loads LANES examples of a unit, from example b on, in LLVM's code.

    Attributes:
        context, builder: of the compiler.
        kind, memory: numba's type and LLVM's value of the memory.
        unit: counted from that whose row a signal begins with.
        row: numbers from there to the unit's own.
        b, examples: the first that is loaded, and how many there are.
    """

    context: Any
    builder: Any
    kind: Any
    memory: Any
    unit: Any
    row: Any
    b: Any
    examples: Any

    def _place(self, *terms: Any) -> Any:
        at = reduce(self.builder.add, terms)
        return llvm.address(self.context, self.builder, self.kind, self.memory, at)

    def of(self, signal: Any) -> Any:
        """The examples of a signal."""
        return llvm.load(self.builder, self._place(signal, self.row, self.b))

    def each(self, numbers: Any) -> Any:
        """The unit's number, the same for all examples."""
        return llvm.broadcast(self.builder, self.builder.load(self._place(numbers, self.unit)))

    def masked(self, values: Any) -> Any:
        """Zero in place of what is no example."""
        return llvm.masked(self.builder, values, self.b, self.examples)


def _sums(z: Any, places: int, term: Callable[..., Any]) -> Any:
    """The signature and the code of an intrinsic that adds up a term over the examples.

    Args:
        z: the type of the memory.
        places: how many places in memory the intrinsic is given.
        term: of a `_Vector`, the sum so far and these places to LLVM's sum with the term.
    """

    def code(context: Any, builder: Any, _: Any, given: Any) -> Any:
        memory, *at, batch, examples = given
        zero = ir.Constant(ir.VectorType(context.get_value_type(z.dtype), LANES), None)
        sums = [cgutils.alloca_once_value(builder, zero) for _ in range(LANES)]
        with cgutils.for_range_slice(builder, LONG(0), batch, LONG(LANES)) as (b, _):
            for number, place in enumerate(sums):
                unit = LONG(number)
                row = builder.mul(batch, unit)
                vector = _Vector(context, builder, z, memory, unit, row, b, examples)
                builder.store(term(vector, builder.load(place), *at), place)
        return _folded(builder, [builder.load(place) for place in sums])

    return Lanes(z.dtype)(z, *[types.int64] * (places + 2)), code


@intrinsic
def sums_of_rows(_: Any, z: Any, x: Any, batch: Any, examples: Any) -> Any:
    """Σ x over the examples of each of LANES rows (batch) from z[x] on."""
    return _sums(z, 1, lambda row, sums, x: row.builder.fadd(sums, row.masked(row.of(x))))


@intrinsic
def sums_of_products(_: Any, z: Any, x: Any, y: Any, batch: Any, examples: Any) -> Any:
    """Σ x y over the examples of each of LANES rows from z[x] and z[y] on."""

    def term(row: _Vector, sums: Any, x: Any, y: Any) -> Any:
        return llvm.fma(row.builder, row.masked(row.of(x)), row.masked(row.of(y)), sums)

    return _sums(z, 2, term)


@intrinsic
def sums_of_squares(_: Any, z: Any, x: Any, mean: Any, batch: Any, examples: Any) -> Any:
    """Σ (x − mean)² over the examples of each of LANES rows; the means begin at z[mean]."""

    def term(row: _Vector, sums: Any, x: Any, mean: Any) -> Any:
        apart = row.masked(row.builder.fsub(row.of(x), row.each(mean)))
        return llvm.fma(row.builder, apart, apart, sums)

    return _sums(z, 2, term)
