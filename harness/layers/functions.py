"""Elementary functions, computed so that the compiler can put them into vector lanes.

In float32 they are made of polynomials, a dozen times faster than the mathematical library's, which
takes one number after the other; in float64, where tests compare with torch, they are that
library's.
"""

import math
from typing import Any

import numpy as np
from numba import types
from numba.extending import overload

# As a kernel's: where a caller may take its sums in another order, these still do as written.
AS_WRITTEN: Any = {"fastmath": {"contract"}, "error_model": "numpy", "forceinline": True}


def fast_tanh(x: float) -> float:
    """The hyperbolic tangent, as a kernel computes it."""
    return math.tanh(x)


def fast_exp(x: float) -> float:
    """The exponential of a number that is not above 0, as a kernel computes it."""
    return math.exp(x)


@overload(fast_tanh, jit_options=AS_WRITTEN)
def _fast_tanh(x):  # type: ignore[no-untyped-def]  # numba wants all three signatures alike
    if x == types.float32:
        return _rational_tanh
    return lambda x: math.tanh(x)


@overload(fast_exp, jit_options=AS_WRITTEN)
def _fast_exp(x):  # type: ignore[no-untyped-def]  # numba wants all three signatures alike
    if x == types.float32:
        return _polynomial_exp
    return lambda x: math.exp(x)


def _rational_tanh(x):  # type: ignore[no-untyped-def]
    # x P(x²) / Q(x²), the minimax rational of degree 13/6 that Eigen uses, within 5 units in the
    # last place.
    x = min(max(x, np.float32(-7.90531110763549805)), np.float32(7.90531110763549805))
    s = x * x
    p = s * np.float32(-2.76076847742355e-16) + np.float32(2.00018790482477e-13)
    p = p * s + np.float32(-8.60467152213735e-11)
    p = p * s + np.float32(5.12229709037114e-08)
    p = p * s + np.float32(1.48572235717979e-05)
    p = p * s + np.float32(6.37261928875436e-04)
    p = p * s + np.float32(4.89352455891786e-03)
    q = s * np.float32(1.19825839466702e-06) + np.float32(1.18534705686654e-04)
    q = q * s + np.float32(2.26843463243900e-03)
    q = q * s + np.float32(4.89352518554385e-03)
    return x * p / q


def _polynomial_exp(x):  # type: ignore[no-untyped-def]
    # 2ⁿ times the minimax polynomial of degree 6 of Cephes's expf for the rest, which is at most
    # half of ln 2, subtracted in two parts. What is below -87 would leave the normal numbers.
    x = max(x, np.float32(-87))
    n = np.floor(x * np.float32(1.44269504088896341) + np.float32(0.5))
    r = x - n * np.float32(0.693359375) - n * np.float32(-2.12194440e-4)
    p = r * np.float32(1.9875691500e-4) + np.float32(1.3981999507e-3)
    p = p * r + np.float32(8.3334519073e-3)
    p = p * r + np.float32(4.1665795894e-2)
    p = p * r + np.float32(1.6666665459e-1)
    p = p * r + np.float32(5.0000001201e-1)
    p = p * r * r + r + np.float32(1)
    exponent = (np.int32(n) + np.int32(127)) << np.int32(23)
    return p * np.int32(exponent).view(np.float32)
