"""The tiled matrix products: right, and the bits of an entry independent of those around it."""

from typing import Any

import numba
import numpy as np
import pytest

from harness.subjects.char_mlp.layers.lanes import LANES
from harness.subjects.char_mlp.layers.parts import Array, padded
from harness.subjects.char_mlp.layers.products import (
    MOST_ROWS,
    activation_product,
    add_weight_product,
)

SHAPES = [(1, 1, 1), (3, 5, 7), (8, 16, 16), (32, 100, 27), (33, 65, 129), (256, 30, 40)]
DTYPES = [np.float32, np.float64]


@numba.njit
def multiply(a, a_row, a_step, x, inner, out, rows, batch):
    activation_product(a, 0, a_row, a_step, x, 0, inner, out, 0, rows, batch)


@numba.njit
def add(factor, x, batch, d, stride, examples, w, rows, columns):
    add_weight_product(factor, x, 0, batch, d, 0, stride, examples, w, 0, rows, columns)


def drawn(rows: int, columns: int, dtype: Any, seed: int) -> tuple[Array, Array]:
    """A random matrix as it lies in memory, with NaN as its padding, and a view of it."""
    memory: Array = np.full((rows + MOST_ROWS, padded(columns)), np.nan, dtype)
    memory[:rows, :columns] = np.random.default_rng(seed).standard_normal((rows, columns))
    return memory, memory[:rows, :columns]


def product(a: Array, x: Array, transposed: bool = False) -> Array:
    """A x, or Aᵀ x, by tiles."""
    rows, inner = a.shape[::-1] if transposed else a.shape
    a_memory, _ = drawn(a.shape[0], a.shape[1], a.dtype, 0)
    x_memory, _ = drawn(x.shape[0], x.shape[1], x.dtype, 0)
    a_memory[: a.shape[0], : a.shape[1]], x_memory[:inner, : x.shape[1]] = a, x
    stride, batch = a_memory.shape[1], x_memory.shape[1]
    out = np.full((rows + MOST_ROWS, batch), np.nan, a.dtype)
    steps = (1, stride) if transposed else (stride, 1)
    multiply(a_memory.ravel(), *steps, x_memory.ravel(), inner, out.ravel(), rows, batch)
    found: Array = out[:rows, : x.shape[1]]
    return found


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_products_are_right_and_do_not_read_padding(
    shape: tuple[int, int, int], dtype: type
) -> None:
    examples, fan_in, fan_out = shape
    bound = 1e-4 if dtype is np.float32 else 1e-12
    _, w = drawn(fan_in, fan_out, dtype, 1)
    _, x = drawn(fan_in, examples, dtype, 2)
    _, d = drawn(fan_out, examples, dtype, 3)
    np.testing.assert_allclose(product(w, x, transposed=True), w.T @ x, atol=bound, rtol=bound)
    np.testing.assert_allclose(product(w, d), w @ d, atol=bound, rtol=bound)
    (x_memory, _), (d_memory, by_example) = drawn(fan_in, examples, dtype, 2), drawn(
        examples, fan_out, dtype, 3
    )  # fmt: skip
    w_memory, changed = drawn(fan_in, fan_out, dtype, 1)
    add(-0.5, x_memory.ravel(), x_memory.shape[1], d_memory.ravel(), d_memory.shape[1], examples,
        w_memory.ravel(), fan_in, padded(fan_out))  # fmt: skip
    np.testing.assert_allclose(changed, w - 0.5 * (x @ by_example), atol=bound, rtol=bound)


@pytest.mark.parametrize("dtype", DTYPES)
def test_an_entry_depends_on_its_row_and_its_column_alone(dtype: type) -> None:
    _, a = drawn(33, 65, dtype, 1)
    _, x = drawn(65, 129, dtype, 2)
    whole = product(a, x)
    for row, column in [(0, 0), (7, LANES - 1), (10, LANES), (32, 128)]:
        one = product(a[row : row + 1], x[:, column : column + 1])
        assert one[0, 0] == whole[row, column]


@pytest.mark.parametrize("dtype", DTYPES)
def test_all_products_add_up_alike(dtype: type) -> None:
    """In the order of the inner index, each addition fused with its product."""
    _, a = drawn(33, 65, dtype, 1)
    _, x = drawn(65, 29, dtype, 2)
    expected = product(a, x)
    assert np.array_equal(product(np.ascontiguousarray(a.T), x, transposed=True), expected)
    memory, _ = drawn(33, 65, dtype, 1)
    x_memory, _ = drawn(65, 29, dtype, 2)
    out: Array = np.zeros((33 + MOST_ROWS, padded(29)), dtype)
    add(1.0, memory.ravel(), memory.shape[1], x_memory.ravel(), x_memory.shape[1], 65,
        out.ravel(), 33, padded(29))  # fmt: skip
    assert np.array_equal(out[:33, :29], expected)
