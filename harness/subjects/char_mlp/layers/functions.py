"""Elementary functions of vectors in kernels.

In float32 they are polynomials in a fixed order of fused operations: a dozen times faster than the
C library's functions, and with the same bits on every processor. In float64, where tests and
`verify` compare with torch, they are the C library's, lane by lane.
"""

import math
from typing import Any

import numba
import numpy as np
from numba import types
from numba.extending import overload

from harness.subjects.char_mlp.layers import llvm
from harness.subjects.char_mlp.layers.lanes import (
    LANES,
    broadcast,
    floor,
    fma,
    lane,
    larger,
    smaller,
    two_to,
    with_lane,
)

ROOT_OF_HALF = np.float64(0.7071067811865476).view(np.int64)  # its bits
INLINED: Any = {"error_model": "numpy", "forceinline": True}
inlined: Any = numba.njit(**INLINED)


@llvm.intrinsic
def polynomial(_: Any, x: Any, coefficients: Any) -> Any:
    """Σ cᵢ xⁱ of a vector by Horner's rule; the coefficients, a tuple, from the highest power."""

    def code(context: Any, builder: Any, _: Any, given: Any) -> Any:
        vector, numbers = given
        value = None
        for place, kind in enumerate(coefficients):
            number = builder.extract_value(numbers, place)
            number = llvm.broadcast(builder, context.cast(builder, number, kind, x.dtype))
            value = number if value is None else llvm.fma(builder, value, vector, number)
        return value

    return x(x, coefficients), code


def tanh(x: Any) -> Any:
    """The hyperbolic tangent of a vector; in float32 within 5 units in the last place."""


def exp(x: Any) -> Any:
    """The exponential of a vector of numbers of at most 0; e⁻⁸⁷ in float32 where it is less."""


def erf(x: Any) -> Any:
    """The error function of a vector; in float32 within 5 units in the last place."""


def _tanh(x):  # type: ignore[no-untyped-def]  # of numba's own types
    # x P(x²) / Q(x²): the minimax rational function of degree 13/6 that Eigen uses.
    x = smaller(broadcast(x, 7.90531110763549805), x)  # the second where it is NaN
    x = larger(broadcast(x, -7.90531110763549805), x)
    s = x * x
    p = polynomial(s, (
        -2.76076847742355e-16, 2.00018790482477e-13, -8.60467152213735e-11, 5.12229709037114e-08,
        1.48572235717979e-05, 6.37261928875436e-04, 4.89352455891786e-03,
    ))  # fmt: skip
    q = polynomial(s, (
        1.19825839466702e-06, 1.18534705686654e-04, 2.26843463243900e-03, 4.89352518554385e-03,
    ))  # fmt: skip
    return x * p / q


def _exp(x):  # type: ignore[no-untyped-def]
    # exp(x) = 2ⁿ exp(r) with |r| ≤ ln(2)/2, and exp(r) by the minimax polynomial of degree 6 of
    # Cephes's expf. n ln(2) is subtracted in two parts for accuracy. Below -87 the result would be
    # subnormal.
    x = larger(broadcast(x, -87.0), x)
    n = floor(fma(x, broadcast(x, 1.44269504088896341), broadcast(x, 0.5)))
    r = fma(n, broadcast(x, -0.693359375), x)
    r = fma(n, broadcast(x, 2.12194440e-4), r)
    p = polynomial(r, (
        1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1,
        5.0000001201e-1,
    ))  # fmt: skip
    return (fma(p, r * r, r) + broadcast(x, 1.0)) * two_to(n)


def _erf(x):  # type: ignore[no-untyped-def]
    # x P(x²) / Q(x²), of degree 13/8, as in Eigen. Beyond ±3.83 it is ±1 but for the last places.
    x = smaller(broadcast(x, 3.832506856900711), x)
    x = larger(broadcast(x, -3.832506856900711), x)
    s = x * x
    p = polynomial(s, (
        -2.72614225801306e-10, 2.77068142495902e-08, -2.10102402082508e-06, -5.69250639462346e-05,
        -7.34990630326855e-04, -2.95459980854025e-03, -1.60960333262415e-02,
    ))  # fmt: skip
    q = polynomial(s, (
        -1.45660718464996e-05, -2.13374055278905e-04, -1.68282697438203e-03,
        -7.37332916720468e-03, -1.42647390514189e-02,
    ))  # fmt: skip
    return x * p / q


def _bind(function: Any, single: Any, scalar: Any) -> None:
    """Give a function of vectors its float32 form, and for float64 a function of single numbers."""
    number = inlined(scalar)

    def each(x):  # type: ignore[no-untyped-def]
        out = x
        for place in range(LANES):
            out = with_lane(out, place, number(lane(x, place)))
        return out

    @overload(function, jit_options=INLINED)
    def _(x):  # type: ignore[no-untyped-def]
        return single if x.dtype == types.float32 else each


_bind(tanh, _tanh, lambda x: math.tanh(x))
_bind(exp, _exp, lambda x: math.exp(x))
_bind(erf, _erf, lambda x: math.erf(x))


@inlined
def log(x):  # type: ignore[no-untyped-def]
    """The natural logarithm of a float64 number, within a unit in the last place (fdlibm's).

    The number must not be subnormal.
    """
    if x == np.inf or x != x:
        return x
    if x <= 0:
        return -np.inf if x == 0 else np.nan
    bits = np.float64(x).view(np.int64)
    k = (bits - ROOT_OF_HALF) >> 52  # x = 2ᵏ mantissa, exactly; mantissa in [√½, √2)
    mantissa = np.int64(bits - (k << 52)).view(np.float64)
    f = mantissa - 1.0
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    even = w * (3.999999999940941908e-01 + w * (2.222219843214978396e-01
                + w * 1.531383769920937332e-01))  # fmt: skip
    odd = z * (6.666666666666735130e-01 + w * (2.857142874366239149e-01
               + w * (1.818357216161805012e-01 + w * 1.479819860511658591e-01)))  # fmt: skip
    half = 0.5 * f * f
    low = s * (half + (odd + even)) + k * 1.90821492927058770002e-10
    return k * 6.93147180369123816490e-01 - ((half - low) - f)
