"""Vectors in kernels: LANES numbers at a time, with the same bits on every processor.

Sums, products, quotients and roots are IEEE 754's everywhere. This module says the rest explicitly,
so that the compiler has no choice: which products and sums are fused (`fma`), and in which order
numbers are added (`total` folds the lanes in halves). The registers may have any width: LLVM splits
or joins the lanes.

Memory is flat: a kernel names a place by its index in an array (1-d, contiguous) or pointer.
"""

import operator
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import models, overload, register_model

from harness.subjects.char_mlp.layers import llvm
from harness.subjects.char_mlp.layers.llvm import INT, LONG, NUMBERS, intrinsic

LANES = llvm.LANES  # numbers in a vector


class Lanes(types.Type):
    """The numba type of a vector of LANES numbers.

    Attributes:
        dtype: of the numbers.
    """

    def __init__(self, dtype: Any) -> None:
        super().__init__(f"Lanes({dtype})")
        self.dtype = dtype


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Lanes) -> None:
        number = manager.lookup(kind.dtype).get_value_type()
        super().__init__(manager, kind, ir.VectorType(number, LANES))


# --- memory


@intrinsic
def pointer(_: Any, array: Any) -> Any:
    """The pointer to an array's first number."""

    def code(context: Any, builder: Any, _: Any, given: Any) -> Any:
        return context.make_array(array)(context, builder, given[0]).data

    return types.CPointer(array.dtype)(array), code


@intrinsic
def take(_: Any, source: Any, at: Any) -> Any:
    """The LANES numbers from an index on."""
    kind = Lanes(source.dtype)

    def code(context: Any, builder: Any, _: Any, given: Any) -> Any:
        return llvm.load(builder, llvm.address(context, builder, source, *given))

    return kind(source, types.int64), code


@intrinsic
def put(_: Any, target: Any, at: Any, values: Any) -> Any:
    """Write a vector from an index on."""

    def code(context: Any, builder: Any, _: Any, given: Any) -> Any:
        array, at, vector = given
        llvm.store(builder, vector, llvm.address(context, builder, target, array, at))
        return context.get_dummy_value()

    return types.none(target, types.int64, values), code


@intrinsic
def prefetch(_: Any, target: Any, at: Any) -> Any:
    """Bring the memory at an index into the nearest cache, since it will be written soon."""

    def code(context: Any, builder: Any, _: Any, given: Any) -> Any:
        place = builder.bitcast(llvm.address(context, builder, target, *given), llvm.BYTES)
        kind = ir.FunctionType(ir.VoidType(), [llvm.BYTES, INT, INT, INT])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
        to_write, to_nearest, data = INT(1), INT(3), INT(1)
        builder.call(function, [place, to_write, to_nearest, data])
        return context.get_dummy_value()

    return types.none(target, types.int64), code


@intrinsic
def _load(_: Any, source: Any, at: Any) -> Any:
    def code(context: Any, builder: Any, _: Any, given: Any) -> Any:
        return builder.load(llvm.address(context, builder, source, *given))

    return source.dtype(source, types.int64), code


@intrinsic
def _store(_: Any, target: Any, at: Any, value: Any) -> Any:
    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        array, at, number = given
        number = context.cast(builder, number, signature.args[2], target.dtype)
        builder.store(number, llvm.address(context, builder, target, array, at))
        return context.get_dummy_value()

    return types.none(target, types.int64, value), code


@overload(operator.getitem)
def _get(source, at):  # type: ignore[no-untyped-def]  # numba wants equal signatures
    return (lambda source, at: _load(source, at)) if isinstance(source, types.CPointer) else None


@overload(operator.setitem)
def _set(target, at, value):  # type: ignore[no-untyped-def]  # numba wants equal signatures
    if isinstance(target, types.CPointer):
        return lambda target, at, value: _store(target, at, value)
    return None


@intrinsic
def transpose(_: Any, a: Any, at: Any, step: Any, out: Any, to: Any, out_step: Any) -> Any:
    """Transpose a square of LANES rows: out[to + c out_step + r] ← a[at + r step + c].

    Each round interleaves row n of the upper half with row n of the lower half. After log2(LANES)
    rounds the columns are rows.
    """
    order = [n // 2 + LANES * (n % 2) for n in range(2 * LANES)]  # 0, LANES, 1, LANES + 1, …
    halves = [ir.Constant(NUMBERS, order[:LANES]), ir.Constant(NUMBERS, order[LANES:])]

    def code(context: Any, builder: Any, _: Any, given: Any) -> Any:
        a_value, at, step, out_value, to, out_step = given

        def places(kind: Any, value: Any, first: Any, step: Any) -> list[Any]:
            each = [builder.add(first, builder.mul(step, LONG(row))) for row in range(LANES)]
            return [llvm.address(context, builder, kind, value, one) for one in each]

        rows = [llvm.load(builder, place) for place in places(a, a_value, at, step)]
        for _ in range(LANES.bit_length() - 1):
            pairs = zip(rows[: LANES // 2], rows[LANES // 2 :], strict=True)
            rows = [builder.shuffle_vector(*pair, half) for pair in pairs for half in halves]
        for row, place in zip(rows, places(out, out_value, to, out_step), strict=True):
            llvm.store(builder, row, place)
        return context.get_dummy_value()

    places_ = [types.int64] * 2
    return types.none(a, *places_, out, *places_), code


# --- arithmetic


@intrinsic
def fma(_: Any, a: Any, b: Any, c: Any) -> Any:
    """a b + c with one rounding: of vectors, or of numbers of c's type."""

    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return llvm.fma(builder, *(context.cast(builder, g, t, c)
                                for g, t in zip(given, signature.args, strict=True)))  # fmt: skip

    return c(a, b, c), code


@intrinsic
def broadcast(_: Any, like: Any, number: Any) -> Any:
    """A vector with a number in every lane, of the type of some memory, vector or number."""
    dtype = getattr(like, "dtype", like)

    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return llvm.broadcast(builder, context.cast(builder, given[1], signature.args[1], dtype))

    return Lanes(dtype)(like, number), code


@intrinsic
def double(_: Any, values: Any) -> Any:
    """A vector in float64."""
    kind = Lanes(types.float64)

    def code(context: Any, builder: Any, _: Any, given: Any) -> Any:
        same = values.dtype == types.float64
        return given[0] if same else builder.fpext(given[0], context.get_value_type(kind))

    return kind(values), code


@intrinsic
def masked(_: Any, values: Any, at: Any, count: Any) -> Any:
    """A vector whose lanes from `count - at` on are 0: what lies beyond the end of a row."""

    def code(_: Any, builder: Any, __: Any, given: Any) -> Any:
        return llvm.masked(builder, *given)

    return values(values, types.int64, types.int64), code


def _elementwise(name: str) -> Any:
    def apply(_: Any, a: Any, b: Any) -> Any:
        return a(a, b), lambda _, builder, __, given: getattr(builder, name)(*given)

    return intrinsic(apply)


def _chosen(compare: str) -> Any:
    def apply(_: Any, a: Any, b: Any) -> Any:
        def code(_: Any, builder: Any, __: Any, given: Any) -> Any:
            return builder.select(builder.fcmp_ordered(compare, *given), *given)

        return a(a, b), code

    return intrinsic(apply)


def _unary(name: str) -> Any:
    def apply(_: Any, a: Any) -> Any:
        return a(a), lambda _, builder, __, given: llvm.call(builder, name, *given)

    return intrinsic(apply)


_add, _subtract, _multiply, _divide = map(_elementwise, ("fadd", "fsub", "fmul", "fdiv"))
larger, smaller = _chosen(">"), _chosen("<")  # place by place; the second where one is NaN
square_root, floor = map(_unary, ("sqrt", "floor"))


@overload(operator.add)
def _plus(a, b):  # type: ignore[no-untyped-def]  # numba wants equal signatures
    return (lambda a, b: _add(a, b)) if isinstance(a, Lanes) else None


@overload(operator.sub)
def _minus(a, b):  # type: ignore[no-untyped-def]  # numba wants equal signatures
    return (lambda a, b: _subtract(a, b)) if isinstance(a, Lanes) else None


@overload(operator.mul)
def _times(a, b):  # type: ignore[no-untyped-def]  # numba wants equal signatures
    return (lambda a, b: _multiply(a, b)) if isinstance(a, Lanes) else None


@overload(operator.truediv)
def _over(a, b):  # type: ignore[no-untyped-def]  # numba wants equal signatures
    return (lambda a, b: _divide(a, b)) if isinstance(a, Lanes) else None


@intrinsic
def negative(_: Any, values: Any) -> Any:
    """A vector with the other sign."""
    return values(values), lambda _, builder, __, given: builder.fneg(given[0])


@intrinsic
def where_positive(_: Any, test: Any, values: Any) -> Any:
    """A vector, 0 in the lanes where another is not above 0."""

    def code(_: Any, builder: Any, __: Any, given: Any) -> Any:
        zero = ir.Constant(given[1].type, None)
        return builder.select(builder.fcmp_ordered(">", given[0], zero), given[1], zero)

    return values(test, values), code


@intrinsic
def between(_: Any, values: Any, low: Any, high: Any) -> Any:
    """1 in the lanes where low ≤ value ≤ high, else 0; bounds are float64, as the vector is."""

    def code(_: Any, builder: Any, __: Any, given: Any) -> Any:
        vector, low, high = (given[0], *(llvm.broadcast(builder, bound) for bound in given[1:]))
        above = builder.fcmp_ordered(">=", vector, low)
        below = builder.fcmp_ordered("<=", vector, high)
        return builder.uitofp(builder.and_(above, below), vector.type)

    return values(values, types.float64, types.float64), code


@intrinsic
def two_to(_: Any, n: Any) -> Any:
    """2ⁿ of whole numbers n from -126 to 127, in float32."""

    def code(_: Any, builder: Any, __: Any, given: Any) -> Any:
        whole = builder.fptosi(given[0], NUMBERS)
        biased = builder.add(whole, ir.Constant(NUMBERS, [127] * LANES))
        bits = builder.shl(biased, ir.Constant(NUMBERS, [23] * LANES))
        return builder.bitcast(bits, given[0].type)

    return n(n), code


@intrinsic
def total(_: Any, values: Any) -> Any:
    """The sum of the lanes: the upper half is added to the lower until one is left."""

    def code(_: Any, builder: Any, __: Any, given: Any) -> Any:
        (vector,), size = given, LANES
        while size > 1:
            size //= 2
            low, high = (
                builder.shuffle_vector(
                    vector,
                    ir.Constant(vector.type, ir.Undefined),
                    ir.Constant(ir.VectorType(INT, size), list(range(start, start + size))),
                )
                for start in (0, size)
            )
            vector = builder.fadd(low, high)
        return builder.extract_element(vector, INT(0))

    return values.dtype(values), code


@intrinsic
def lane(_: Any, values: Any, place: Any) -> Any:
    """One number of a vector."""

    def code(_: Any, builder: Any, __: Any, given: Any) -> Any:
        return builder.extract_element(given[0], builder.trunc(given[1], INT))

    return values.dtype(values, types.int64), code


@intrinsic
def with_lane(_: Any, values: Any, place: Any, number: Any) -> Any:
    """A vector with another number at a place."""

    def code(_: Any, builder: Any, __: Any, given: Any) -> Any:
        vector, place, number = given
        return builder.insert_element(vector, number, builder.trunc(place, INT))

    return values(values, types.int64, values.dtype), code
