"""Initial scale of hidden and last weights: the standard deviation of N(0, σ²), before the gain."""

from collections.abc import Callable

INITS: dict[str, Callable[[int, int], float]] = {
    "naive": lambda fan_in, fan_out: 1.0,  # noqa: ARG005 - all inits share one signature
    "kaiming": lambda fan_in, fan_out: fan_in**-0.5,  # noqa: ARG005  (He et al. 2015, eq. 10)
}
