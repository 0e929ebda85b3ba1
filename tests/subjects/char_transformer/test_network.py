"""The transformer as a whole: what depends on what, how it starts, and how large it is."""

import pickle
import subprocess
import sys
from math import log, sqrt
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from harness.subjects.char_transformer.cost import cost
from harness.subjects.char_transformer.fields import Fields
from harness.subjects.char_transformer.layers.attention import CausalSelfAttention
from harness.subjects.char_transformer.layers.feed_forward import FeedForward
from harness.subjects.char_transformer.network import Transformer, build
from harness.subjects.streams import seeded, stream

V, T = 27, 9
SMALL: dict[str, Any] = {"width": 16, "heads": 2, "depth": 2, "output_scale": 1.0}


def network(**fields: Any) -> Transformer:
    with seeded(stream(1, "weights")):
        return build(Fields(**{**SMALL, **fields}), V).double().eval()


def characters(rows: int = 4) -> Tensor:
    return torch.randint(1, V, (rows, T), generator=stream(1, "characters"))


VARIANTS: list[dict[str, Any]] = [
    {},
    {"attention": "uniform"},
    {"attention": "none"},
    {"norm": "rms", "norm_place": "post"},
    {"norm": "none", "residual": False},
    {"positions": "none", "activation": "tanh"},
]


@pytest.mark.parametrize("fields", VARIANTS)
def test_no_logit_depends_on_a_later_character(fields: dict[str, Any]) -> None:
    model, x = network(**fields), characters()
    before = model(x)
    for t in range(1, T):
        changed = x.clone()
        changed[:, t:] = changed[:, t:] % (V - 1) + 1
        after = model(changed)
        assert torch.equal(after[:, :t], before[:, :t])
        assert not torch.allclose(after[:, t], before[:, t])


@pytest.mark.parametrize("fields", VARIANTS)
def test_a_shorter_row_gives_the_same_logits(fields: dict[str, Any]) -> None:
    model, x = network(**fields), characters()
    assert torch.allclose(model(x[:, :5]), model(x)[:, :5], rtol=0, atol=1e-12)


def swapped(x: Tensor) -> Tensor:
    """The first two characters in the other order."""
    return x[:, [1, 0, *range(2, x.shape[1])]]


@pytest.mark.parametrize("attention", ["uniform", "softmax"])
def test_one_block_without_positions_does_not_see_the_order(attention: str) -> None:
    """The last character sees a set: whoever stands before it may change places."""
    x = characters()
    bag = network(attention=attention, positions="none", depth=1)
    assert torch.allclose(bag(x)[:, -1], bag(swapped(x))[:, -1], rtol=0, atol=1e-12)
    ordered = network(attention=attention, depth=1)
    assert not torch.allclose(ordered(x)[:, -1], ordered(swapped(x))[:, -1])


def test_without_attention_a_character_sees_itself_and_its_place() -> None:
    x = characters()
    alone = network(attention="none")
    assert torch.allclose(alone(x)[:, 2:], alone(swapped(x))[:, 2:], rtol=0, atol=1e-12)


@pytest.mark.parametrize("depth", [1, 4, 8])
@pytest.mark.parametrize(
    ("fields", "counted"),
    [
        ({}, 2.0),
        ({"attention": "none"}, 1.0),
        ({"residual_init": "plain"}, 0.0),
        ({"residual": False}, 0.0),
    ],
)
def test_the_last_weights_of_residual_branches_are_scaled_down(
    depth: int, fields: dict[str, Any], counted: float
) -> None:
    """By 1/√n with n branches: `counted` of each block."""
    wide = {"width": 128, "depth": depth}
    expected = 1 / sqrt(counted * depth) if counted else 1.0
    for module in network(**fields, **wide).modules():
        if isinstance(module, CausalSelfAttention | FeedForward):
            std = module.projection.weight.std().item() * sqrt(module.projection.in_features)
            assert std == pytest.approx(expected, rel=0.05)
        if isinstance(module, FeedForward):
            assert module.hidden.weight.std().item() * sqrt(128) == pytest.approx(1, rel=0.05)


def test_the_initial_loss_is_that_of_guessing_plus_half_the_variance_of_the_logits() -> None:
    """After the last norm units have variance 1, and logits that of the last weights."""
    x, y = characters(200), torch.randint(V, (200, T), generator=stream(2, "characters"))
    for scale in (0.0, 0.1, 0.5):
        logits = network(output_scale=scale, width=64)(x)
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), y.flatten()).item()
        assert loss == pytest.approx(log(V) + scale**2 / 2, abs=0.02)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, 4 * (12 * 64**2 + 13 * 64) + (27 + 16) * 64 + 2 * 64 + 65 * 27),
        ({"norm": "rms"}, 4 * (12 * 64**2 + 11 * 64) + (27 + 16) * 64 + 64 + 65 * 27),
        ({"attention": "none"}, 4 * (8 * 64**2 + 7 * 64) + (27 + 16) * 64 + 2 * 64 + 65 * 27),
        ({"attention": "uniform"}, 4 * (10 * 64**2 + 11 * 64) + (27 + 16) * 64 + 128 + 65 * 27),
        ({"norm_place": "post"}, 4 * (12 * 64**2 + 13 * 64) + (27 + 16) * 64 + 65 * 27),
        ({"positions": "none", "norm": "none"}, 4 * (12 * 64**2 + 9 * 64) + 27 * 64 + 65 * 27),
    ],
)
def test_parameters_are_as_many_as_on_paper(fields: dict[str, Any], expected: int) -> None:
    assert sum(p.numel() for p in build(Fields(**fields), V).parameters()) == expected
    assert cost(Fields(**fields), V).parameters == expected


def test_dropout_changes_outputs_in_training_mode_only() -> None:
    model, x = network(dropout=0.5), characters()
    assert torch.equal(model(x), model(x))
    model.train()
    assert not torch.equal(model(x), model(x))


def test_every_parameter_learns() -> None:
    for fields in VARIANTS:
        model = network(**fields)
        model(characters()).square().sum().backward()
        for name, parameter in model.named_parameters():
            assert parameter.grad is not None, name
            assert name.endswith("bias") or parameter.grad.abs().max() > 0, name


def test_width_is_a_multiple_of_heads() -> None:
    with pytest.raises(ValueError, match="width must be a multiple of heads"):
        Fields(width=64, heads=3)
    with pytest.raises(ValueError, match="must be at least 1, or 'all'"):
        Fields(train_words=0)


def test_fields_travel_to_other_processes() -> None:
    fields = Fields(depth=2, norm_place="post", train_words=50)
    assert pickle.loads(pickle.dumps(fields)) == fields  # noqa: S301 - what was just pickled


def test_what_reports_and_plans_need_loads_no_torch() -> None:
    modules = ("cost", "data", "fields", "figures", "predictions", "responses", "text")
    named = ", ".join(f"harness.subjects.char_transformer.{name}" for name in modules)
    command = [sys.executable, "-c", f"import sys, {named}; print(*sys.modules)"]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert {"torch", "numba", "pandas"} & set(loaded) == set()


def test_compiling_is_refused_since_minibatches_vary_in_size() -> None:
    with pytest.raises(ValueError, match="compile needs minibatches of one size"):
        Fields(compile=True)
