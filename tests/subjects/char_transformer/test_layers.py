"""The layers, written to be read, against those of torch.nn: outputs and gradients, in float64."""

from typing import Literal

import pytest
import torch
from torch import Tensor, nn

from harness.subjects.char_transformer.fields import Fields
from harness.subjects.char_transformer.layers.attention import (
    AttentionWeights,
    CausalSelfAttention,
    UniformAverage,
)
from harness.subjects.char_transformer.layers.feed_forward import FeedForward
from harness.subjects.char_transformer.layers.linear import linear
from harness.subjects.char_transformer.layers.norms import EPSILON, LayerNorm, RMSNorm
from harness.subjects.char_transformer.network import Block, Sublayer
from harness.subjects.streams import stream
from harness.subjects.torch.taps import TAPPED

B, T, C, H = 3, 7, 12, 4


def some(*shape: int, purpose: str = "inputs") -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=stream(1, purpose))


def parity(ours: nn.Module, theirs: nn.Module, *, heads: bool = False) -> None:
    """Equal outputs, and equal gradients of inputs and of parameters (in the order of each)."""
    x, weights = some(B, T, C), some(B, T, C, purpose="output weights")
    found = []
    for module in (ours, theirs):
        mine = x.clone().requires_grad_()
        mask = nn.Transformer.generate_square_subsequent_mask(T, dtype=torch.float64)
        attended = heads and module is theirs
        out = module(mine, mine, mine, attn_mask=mask)[0] if attended else module(mine)
        (out * weights).sum().backward()
        assert mine.grad is not None
        found.append([out, mine.grad, *(p.grad for p in module.parameters())])
    for one, other in zip(*found, strict=True):
        assert (one - other).abs().max() < 1e-10


def copied(theirs: nn.Module, ours: nn.Module) -> None:
    with torch.no_grad():
        for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            other.normal_(generator=stream(2, str(tuple(other.shape))))
            mine.copy_(other)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (LayerNorm(C, eps=EPSILON), nn.LayerNorm(C, eps=EPSILON)),
        (RMSNorm(C, eps=EPSILON), nn.RMSNorm(C, eps=EPSILON)),
    ],
)
def test_norms_are_those_of_torch(ours: nn.Module, theirs: nn.Module) -> None:
    ours, theirs = ours.double(), theirs.double()
    copied(theirs, ours)
    parity(ours, theirs)


@pytest.mark.parametrize("heads", [1, 2, 4])
def test_attention_is_that_of_torch(heads: int) -> None:
    ours = CausalSelfAttention(C, heads).double()
    theirs = nn.MultiheadAttention(C, heads, batch_first=True).double()
    copied(theirs, ours)
    parity(ours, theirs, heads=True)


def test_feed_forward_is_that_of_torch() -> None:
    ours = FeedForward(C, "gelu").double()
    theirs = nn.Sequential(nn.Linear(C, 4 * C), nn.GELU(), nn.Linear(4 * C, C)).double()
    copied(theirs, ours)
    parity(ours, theirs)


def test_attention_weights_are_the_softmax_over_the_tokens_so_far() -> None:
    scores = some(B, H, T, T) * 30
    weights = AttentionWeights().double()(scores)
    for t in range(T):
        expected = scores[:, :, t, : t + 1].softmax(-1)
        assert torch.allclose(weights[:, :, t, : t + 1], expected, rtol=0, atol=1e-15)
        assert (weights[:, :, t, t + 1 :] == 0).all()


def test_large_scores_do_not_overflow() -> None:
    weights = AttentionWeights()(torch.full((1, 1, T, T), 1e30))
    assert torch.allclose(weights.sum(-1), torch.ones(T))


def test_the_uniform_average_is_the_mean_of_the_tokens_so_far() -> None:
    layer, x = UniformAverage(C).double(), some(B, T, C)
    values = layer.value(x)
    means = torch.stack([values[:, : t + 1].mean(1) for t in range(T)], 1)
    assert torch.allclose(layer(x), layer.projection(means), rtol=0, atol=1e-12)


def test_the_uniform_average_is_attention_with_equal_scores() -> None:
    attention, average = CausalSelfAttention(C, H).double(), UniformAverage(C).double()
    with torch.no_grad():
        attention.query_key_value.weight[: 2 * C] = 0  # no questions, no keys: all scores are 0
        average.value.weight.copy_(attention.query_key_value.weight[2 * C :])
        average.projection.load_state_dict(attention.projection.state_dict())
    assert torch.allclose(attention(some(B, T, C)), average(some(B, T, C)), rtol=0, atol=1e-12)


@pytest.mark.parametrize("scale", [1.0, 0.25])
def test_weights_are_drawn_with_std_scale_over_root_fan_in(scale: float) -> None:
    layer = linear(400, 300, scale)
    assert layer.weight.std().item() == pytest.approx(scale / 20, rel=0.02)
    assert layer.weight.mean().item() == pytest.approx(0, abs=scale / 20 * 0.02)
    assert (layer.bias == 0).all()


def test_the_harness_looks_into_norms_and_activations() -> None:
    modules = [LayerNorm(C), RMSNorm(C), FeedForward(C, "relu").activation]
    assert all(isinstance(module, TAPPED) for module in modules)


@pytest.mark.parametrize("place", ["pre", "post"])
def test_a_block_is_the_encoder_layer_of_torch(place: Literal["pre", "post"]) -> None:
    ours = Block(Fields(width=C, heads=H, norm_place=place)).double()
    theirs = nn.TransformerEncoderLayer(
        C, H, 4 * C, dropout=0, activation="gelu", layer_norm_eps=EPSILON, batch_first=True,
        norm_first=place == "pre", dtype=torch.float64,
    )  # fmt: skip
    copied(theirs, nn.ModuleList(in_the_order_of_torch(ours)))
    x, weights = some(B, T, C), some(B, T, C, purpose="output weights")
    mask = nn.Transformer.generate_square_subsequent_mask(T, dtype=torch.float64)
    inputs = [x.clone().requires_grad_() for _ in range(2)]
    outputs = [ours(inputs[0]), theirs(inputs[1], src_mask=mask)]
    for out in outputs:
        (out * weights).sum().backward()
    assert (outputs[0] - outputs[1]).abs().max() < 1e-10
    pairs = zip(nn.ModuleList(in_the_order_of_torch(ours)).parameters(), theirs.parameters(),
                strict=True)  # fmt: skip
    for mine, other in [*pairs, (inputs[0], inputs[1])]:
        assert mine.grad is not None
        assert other.grad is not None
        assert (mine.grad - other.grad).abs().max() < 1e-10


def in_the_order_of_torch(block: Block) -> list[nn.Module]:
    attention, feed_forward = block.attention, block.feed_forward
    assert isinstance(attention, Sublayer)
    return [attention.branch, feed_forward.branch, attention.norm, feed_forward.norm]
