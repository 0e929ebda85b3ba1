"""A logarithm that has the same bits on every machine, as NumPy's and the C library's have not.

It takes only operations that IEEE 754 defines, and that NumPy applies one after the other.
"""

import numpy as np
import numpy.typing as npt

# Half the series of log((1 + s) / (1 − s)) / s − 2 in s², and ln 2 in two parts; as in fdlibm.
SERIES = (
    6.666666666666735130e-01, 3.999999999940941908e-01, 2.857142874366239149e-01,
    2.222219843214978396e-01, 1.818357216161805012e-01, 1.531383769920937332e-01,
    1.479819860511658591e-01,
)  # fmt: skip
LN_2, LN_2_REST = 6.93147180369123816490e-01, 1.90821492927058770002e-10


def log(values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """The natural logarithm of each value, less than 1 ulp off; −inf of 0, NaN below it."""
    x = np.asarray(values, np.float64)
    share, power = np.frexp(x)  # x = share × 2^power, the share from 0.5 to 1
    low = share < 0.7071067811865476
    f = np.where(low, 2 * share, share) - 1  # between √½ and √2, less 1
    k = np.where(low, power - 1, power).astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):  # of values that have no logarithm
        s = f / (2 + f)
        z = s * s
        w = z * z
        even = w * (SERIES[1] + w * (SERIES[3] + w * SERIES[5]))
        odd = z * (SERIES[0] + w * (SERIES[2] + w * (SERIES[4] + w * SERIES[6])))
        half = 0.5 * f * f
        found = k * LN_2 - ((half - (s * (half + (odd + even)) + k * LN_2_REST)) - f)
    found = np.where(x > 0, found, np.where(x == 0, -np.inf, np.nan))
    return np.where(x == np.inf, np.inf, found)
