"""What intrinsics are written with: LLVM's instructions for vectors of LANES numbers.

numba has no type for a vector register. An intrinsic is a function of its own for numba: from the
types of its arguments, it gives a signature and a code generator. The generator gets LLVM's values
and appends instructions to the function that is being compiled. The functions here do so, too.
"""

from collections.abc import Callable
from typing import Any

import numba.extending
from llvmlite import ir
from numba import types
from numba.core import cgutils

LANES = 16  # numbers in a vector: a register of AVX-512 holds as many of float32
INT, LONG = ir.IntType(32), ir.IntType(64)
BYTES = ir.IntType(8).as_pointer()
NUMBERS = ir.VectorType(INT, LANES)

intrinsic: Callable[[Callable[..., Any]], Callable[..., Any]] = numba.extending.intrinsic


def address(context: Any, builder: Any, kind: Any, value: Any, at: Any) -> Any:
    """The pointer to an entry of an array or pointer, which is of a numba type."""
    start = value if isinstance(kind, types.CPointer) else context.make_array(kind)(
        context, builder, value
    ).data  # fmt: skip
    return builder.gep(start, [at])


def vector_at(builder: Any, place: Any) -> Any:
    """The pointer to a vector, from that to its first number."""
    return builder.bitcast(place, ir.VectorType(place.type.pointee, LANES).as_pointer())


def load(builder: Any, place: Any) -> Any:
    """The vector whose first number a pointer points to."""
    return builder.load(vector_at(builder, place), align=_alignment(place))


def store(builder: Any, vector: Any, place: Any) -> None:
    """Write a vector from the number on that a pointer points to."""
    builder.store(vector, vector_at(builder, place), align=_alignment(place))


def _alignment(place: Any) -> int:
    """Bytes to which vectors at a pointer are aligned: no more than single numbers are."""
    return 8 if isinstance(place.type.pointee, ir.DoubleType) else 4


def broadcast(builder: Any, number: Any) -> Any:
    """A vector with a number in every lane."""
    undefined = ir.Constant(ir.VectorType(number.type, LANES), ir.Undefined)
    first = builder.insert_element(undefined, number, INT(0))
    return builder.shuffle_vector(first, undefined, ir.Constant(NUMBERS, None))


def masked(builder: Any, vector: Any, at: Any, count: Any) -> Any:
    """A vector whose lanes from `count - at` on are 0."""
    left = broadcast(builder, builder.trunc(builder.sub(count, at), INT))
    inside = builder.icmp_signed("<", ir.Constant(NUMBERS, list(range(LANES))), left)
    return builder.select(inside, vector, ir.Constant(vector.type, None))


def fma(builder: Any, a: Any, b: Any, c: Any) -> Any:
    """a b + c with one rounding, of numbers or of vectors."""
    return call(builder, "fma", a, b, c)


def call(builder: Any, name: str, *given: Any) -> Any:
    """What LLVM's own function of a name gives, for numbers or vectors of one type."""
    kind = given[0].type
    shape, number = (f"v{LANES}", kind.element) if isinstance(kind, ir.VectorType) else ("", kind)
    bits = 64 if isinstance(number, ir.DoubleType) else 32
    function = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(kind, [kind] * len(given)), f"llvm.{name}.{shape}f{bits}"
    )
    return builder.call(function, given)
