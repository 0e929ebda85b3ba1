"""BatchNorm's running statistics: their values and shapes, and batches of one row."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from harness.errors import UserError
from harness.subjects.char_mlp.layers.norms.batch import BatchNorm1d


def batches(rows: int, width: int = 5, count: int = 20) -> torch.Tensor:
    generator = torch.Generator().manual_seed(2)
    return 3 + 2 * torch.randn(count, rows, width, generator=generator)


@pytest.mark.parametrize("rows", [2, 7, 32])
def test_the_running_variance_is_biased_and_torchs_is_not(rows: int) -> None:
    mine, theirs = BatchNorm1d(5), nn.BatchNorm1d(5)
    factor = (rows - 1) / rows
    for x in batches(rows):
        mine(x)
        theirs(x)
    assert isinstance(theirs.running_mean, torch.Tensor)
    assert isinstance(theirs.running_var, torch.Tensor)
    start = 0.9**20  # the remaining part of the initial 1, to which the factor does not apply
    torch.testing.assert_close(mine.running_mean, theirs.running_mean)
    torch.testing.assert_close(
        mine.running_var - start, factor * (theirs.running_var - start), atol=1e-6, rtol=1e-5
    )


def test_unbiased_uses_that_variance_for_normalising_and_running_statistics() -> None:
    layer = BatchNorm1d(5, unbiased=True)
    x = batches(7)[0]
    torch.testing.assert_close(layer(x), (x - x.mean(0)) / torch.sqrt(x.var(0) + 1e-5))
    torch.testing.assert_close(layer.running_var, 0.9 + 0.1 * x.var(0))


@pytest.mark.parametrize("unbiased", [True, False])
def test_a_batch_of_one_is_a_clear_error_in_training_and_works_in_eval_mode(unbiased: bool) -> None:
    layer = BatchNorm1d(5, unbiased=unbiased)
    one = torch.full((1, 5), 3.0)
    with pytest.raises(UserError, match="needs at least 2 rows; received 1"):
        layer(one)
    assert torch.equal(layer.running_var, torch.ones(5))
    layer.training = False
    torch.testing.assert_close(layer(one), one / (1 + 1e-5) ** 0.5)


def test_eval_mode_changes_nothing() -> None:
    layer = BatchNorm1d(5)
    layer(batches(7)[0])
    layer.training = False
    before = {name: tensor.clone() for name, tensor in layer.state().items()}
    layer(batches(7)[1])
    assert all(torch.equal(before[name], tensor) for name, tensor in layer.state().items())


@given(
    st.lists(
        st.lists(st.floats(-(2.0**60), 2.0**60, width=32), min_size=2, max_size=9),
        min_size=1,
        max_size=5,
    )
)
def test_running_statistics_keep_their_shape_and_are_never_nan(columns: list[list[float]]) -> None:
    layer = BatchNorm1d(3)
    for column in columns:
        layer(torch.tensor(column)[:, None].expand(-1, 3))
        for statistic in (layer.running_mean, layer.running_var):
            assert statistic.shape == (3,)
            assert torch.isfinite(statistic).all()
            assert not statistic.requires_grad
