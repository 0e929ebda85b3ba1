"""The sums of many units at once: to the last bit those of one unit after the other."""

from typing import Any

import numba
import numpy as np
import pytest

from harness.subjects.char_mlp.layers.lanes import LANES, broadcast, fma, masked, put, take, total
from harness.subjects.char_mlp.layers.parts import Array, padded
from harness.subjects.char_mlp.layers.sums import sums_of_products, sums_of_rows, sums_of_squares


@numba.njit
def at_once(z, x, y, mean, batch, examples, out):
    put(out, 0, sums_of_rows(z, x, batch, examples))
    put(out, LANES, sums_of_products(z, x, y, batch, examples))
    put(out, 2 * LANES, sums_of_squares(z, x, mean, batch, examples))


@numba.njit
def one_by_one(z, x, y, mean, batch, examples, out):
    for unit in range(LANES):
        sums = products = squares = broadcast(z, 0.0)
        for b in range(0, batch, LANES):
            one = take(z, x + unit * batch + b)
            other = masked(take(z, y + unit * batch + b), b, examples)
            apart = masked(one - broadcast(z, z[mean + unit]), b, examples)
            sums = sums + masked(one, b, examples)
            products = fma(masked(one, b, examples), other, products)
            squares = fma(apart, apart, squares)
        out[unit], out[LANES + unit] = total(sums), total(products)
        out[2 * LANES + unit] = total(squares)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("examples", [1, 7, 16, 32, 45])
def test_sums_have_the_bits_of_those_taken_one_by_one(examples: int, dtype: Any) -> None:
    batch = padded(examples)
    signals = np.full((2, LANES, batch), np.nan, dtype)
    numbers = np.random.default_rng(examples)
    signals[:, :, :examples] = numbers.standard_normal((2, LANES, examples))
    means = numbers.standard_normal(LANES).astype(dtype)
    z: Array = np.concatenate([signals.ravel(), means])
    places = (0, LANES * batch, 2 * LANES * batch)
    found, expected = np.zeros((2, 3 * LANES), dtype)
    at_once(z, *places, batch, examples, found)
    one_by_one(z, *places, batch, examples, expected)
    assert np.array_equal(found, expected)
    assert np.isfinite(found).all()
