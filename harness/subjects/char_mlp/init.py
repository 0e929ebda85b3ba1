"""Inits: the divisor of a hidden or last weight's N(0, 1) draws, before the gain."""

from collections.abc import Callable

INITS: dict[str, Callable[[int], float]] = {
    "naive": lambda fan_in: 1.0,  # noqa: ARG005 - every init takes the fan-in
    "kaiming": lambda fan_in: fan_in**0.5,  # He et al. 2015, eq. 10, for gain 1
}
