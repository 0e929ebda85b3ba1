"""The tiled matrix products: right, and the bits of an entry independent of those around it."""

import numpy as np
import pytest
import torch
from torch import Tensor

from harness.subjects.char_mlp.layers.kernels import Signal
from harness.subjects.char_mlp.layers.products import product, product_back, subtract_product

SHAPES = [(1, 1, 1, 1), (2, 3, 5, 7), (3, 8, 16, 16), (2, 32, 100, 27), (1, 33, 65, 129)]
DTYPES = [torch.float32, torch.float64]


def draw(members: int, rows: int, columns: int, *, dtype: torch.dtype, seed: int) -> Signal:
    """Random matrices, with NaN as their padding."""
    generator = torch.Generator().manual_seed(seed)
    numbers = torch.randn((members, rows, columns), generator=generator, dtype=dtype)
    signal = Signal(members, rows, columns, dtype)
    signal.array[:] = np.nan
    signal.tensor.copy_(numbers)
    return signal


def forward(x: Signal, w: Signal) -> Tensor:
    out = Signal(len(w.array), x.rows, w.columns, x.tensor.dtype)
    product(x.array, w.array, out.array, x.rows, w.rows, w.columns)
    return out.tensor


def backward(d_out: Signal, w: Signal) -> Tensor:
    d_x = Signal(len(w.array), d_out.rows, w.rows, w.tensor.dtype)
    transposed = Signal(1, w.columns, w.rows, w.tensor.dtype).array[0]
    product_back(d_out.array, w.array, d_x.array, d_out.rows, w.rows, w.columns, transposed)
    return d_x.tensor


def update(x: Signal, d_out: Signal, w: Signal) -> Tensor:
    subtract_product(x.array, d_out.array, w.array, x.rows, w.rows, w.columns)
    return w.tensor


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_products_are_right_and_do_not_read_padding(
    shape: tuple[int, int, int, int], dtype: torch.dtype
) -> None:
    count, rows, fan_in, fan_out = shape
    x = draw(count, rows, fan_in, dtype=dtype, seed=1)
    w = draw(count, fan_in, fan_out, dtype=dtype, seed=2)
    d_out = draw(count, rows, fan_out, dtype=dtype, seed=3)
    before = w.tensor.clone()
    torch.testing.assert_close(forward(x, w), x.tensor @ w.tensor)
    torch.testing.assert_close(backward(d_out, w), d_out.tensor @ w.tensor.mT)
    torch.testing.assert_close(update(x, d_out, w), before - x.tensor.mT @ d_out.tensor)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_an_entry_depends_on_its_row_and_its_column_alone(dtype: torch.dtype) -> None:
    x = draw(1, 33, 65, dtype=dtype, seed=1)
    w = draw(1, 65, 129, dtype=dtype, seed=2)
    whole = forward(x, w)
    for row, column in [(0, 0), (7, 15), (8, 16), (32, 128)]:
        one = forward(
            Signal.of([x.tensor[0, row : row + 1]]),
            Signal.of([w.tensor[0, :, column : column + 1]]),
        )
        assert torch.equal(one[0, 0, 0], whole[0, row, column])


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_all_three_products_add_up_alike(dtype: torch.dtype) -> None:
    x = draw(2, 33, 65, dtype=dtype, seed=1)
    w = draw(2, 65, 29, dtype=dtype, seed=2)
    expected = forward(x, w)
    assert torch.equal(backward(x, Signal.of(list(w.tensor.mT))), expected)
    assert torch.equal(update(Signal.of(list(x.tensor.mT)), w, Signal(2, 33, 29, dtype)), -expected)
