"""What N(0, 1) draws of a hidden or last weight are divided by, before the gain."""

from collections.abc import Callable

INITS: dict[str, Callable[[int], float]] = {
    "naive": lambda fan_in: 1.0,  # noqa: ARG005 - every init is asked with the fan-in
    "kaiming": lambda fan_in: fan_in**0.5,  # He et al. 2015, eq. 10, for gain 1
}
