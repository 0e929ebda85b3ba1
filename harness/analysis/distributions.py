"""The beta distribution and Student's t, with the same bits on every machine.

The C library's exp, log and gamma differ from one machine to another. Here they are `decimal`'s,
which are defined to the last digit; all else is + − × / and sqrt of floats, which IEEE 754 defines.

A place x in 0..1 is given by its odds x / (1 − x), from which x and 1 − x follow without loss of
digits. With T of ν degrees of freedom, T² / (ν + T²) ~ Beta(1/2, ν/2); its odds are T² / ν.
"""

from decimal import Context, Decimal, localcontext
from functools import cache
from itertools import count
from math import inf, isinf, nan, sqrt

DIGITS = Context(prec=30)
HALF_LOG_2_PI = Decimal("0.918938533204672741780329736406")
BERNOULLI = ((1, 6), (-1, 30), (1, 42), (-1, 30), (5, 66), (-691, 2730), (7, 6), (-3617, 510))
STIRLING_FROM = 30  # there the series with these terms is below 1e-25 off
CLOSE = 1e-15  # to 1: what the terms of a product must be in the end
SMALLEST = 1e-300  # stands for 0 in a denominator


def beta_tails(odds: float, a: float, b: float) -> tuple[float, float]:
    """P(X ≤ x) and P(X > x) of X ~ Beta(a, b), each to a relative 1e-13.

    The smaller one is computed, by its continued fraction (Abramowitz & Stegun 26.5.8).

    Args:
        odds: x / (1 − x), finite.
        a, b: above 0.
    """
    x, rest = odds / (1 + odds), 1 / (1 + odds)
    if x * (a + b + 2) < a + 1:
        lower = _slope(odds, a, b) * _fraction(x, a, b) / a
        return lower, 1 - lower
    upper = _slope(odds, a, b) * _fraction(rest, b, a) / b
    return 1 - upper, upper


def beta_odds(p: float, a: float, b: float, *, upper: bool = False) -> float:
    """The odds x / (1 − x) at which P(X ≤ x) is p, or P(X > x) if `upper`; X ~ Beta(a, b).

    By Newton's method for the logarithms of tail and odds. A tail's logarithm is a concave function
    of the log odds, so that it converges from anywhere, at most one step leading away.

    Args:
        p: above 0, below 1.
        a, b: above 0.
        upper: whether p is the upper tail.
    """
    if p > 0.5:
        return beta_odds(1 - p, a, b, upper=not upper)
    odds = before = a / b
    log_p, sign = Decimal(p).ln(DIGITS), -1 if upper else 1
    while True:
        tail = beta_tails(odds, a, b)[upper]
        if tail == 0:  # too small for a float: half the way, then
            odds = sqrt(odds * before)
            continue
        log_ratio = float(DIGITS.subtract(log_p, Decimal(tail).ln(DIGITS)))
        step = sign * log_ratio * tail / _slope(odds, a, b)
        before, odds = odds, odds * float(Decimal(step).exp(DIGITS))
        if abs(step) < 1e-8:  # the next one would be below 1e-15
            return odds


def t_cdf(t: float, df: float) -> float:
    """P(T ≤ t) of Student's t with these degrees of freedom."""
    odds = t * t / df
    outside = 0.0 if isinf(odds) else beta_tails(odds, 0.5, df / 2)[1]
    return outside / 2 if t < 0 else 1 - outside / 2


@cache
def t_quantile(p: float, df: float) -> float:
    """The t at which P(T ≤ t) is p; NaN without a degree of freedom."""
    if df <= 0:
        return nan
    tail, sign = min(p, 1 - p), -1 if p < 0.5 else 1
    if tail in (0, 0.5):
        return 0.0 if tail else sign * inf
    return sign * sqrt(df * beta_odds(2 * tail, 0.5, df / 2, upper=True))


def _slope(odds: float, a: float, b: float) -> float:
    """x^a (1 − x)^b / B(a, b): by how much the lower tail rises with the log odds."""
    with localcontext(DIGITS):
        one, other = Decimal(a), Decimal(b)
        place = Decimal(odds)
        log = one * place.ln() - (one + other) * (1 + place).ln() - _log_beta(a, b)
        return float(log.exp())


@cache
def _log_beta(a: float, b: float) -> Decimal:
    with localcontext(DIGITS):
        one, other = Decimal(a), Decimal(b)
        return _log_gamma(one) + _log_gamma(other) - _log_gamma(one + other)


def _log_gamma(z: Decimal) -> Decimal:
    """By Stirling's series, after Γ(z) = Γ(z + 1) / z has led to where it converges."""
    passed = Decimal(1)
    while z < STIRLING_FROM:
        passed *= z
        z += 1
    terms = (
        Decimal(above) / (below * 2 * k * (2 * k - 1) * z ** (2 * k - 1))
        for k, (above, below) in enumerate(BERNOULLI, start=1)
    )
    return (z - Decimal("0.5")) * z.ln() - z + HALF_LOG_2_PI + sum(terms) - passed.ln()


def _fraction(x: float, a: float, b: float) -> float:
    """The continued fraction 1 / (1 + d1 / (1 + d2 / (1 + …))), by Lentz's method.

    With d(2m) = m (b − m) x / ((a + 2m − 1) (a + 2m)), and
    d(2m + 1) = −(a + m) (a + b + m) x / ((a + 2m) (a + 2m + 1)).
    """
    whole = above = 1.0
    below = 0.0
    for n in count(1):
        m = n // 2
        if n % 2:
            d = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            d = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        below = 1 / (1 + d * below or SMALLEST)
        above = 1 + d / above or SMALLEST
        whole *= above * below
        if abs(above * below - 1) < CLOSE:
            break
    return 1 / whole
