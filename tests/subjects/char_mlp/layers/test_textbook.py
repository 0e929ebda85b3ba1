"""The textbook layers against torch.nn: outputs, and gradients by inputs and parameters."""

from collections.abc import Callable, Iterable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from harness.subjects.char_mlp import layers
from harness.subjects.char_mlp.fields import Fields
from harness.subjects.char_mlp.layers.embedding import Embedding
from harness.subjects.char_mlp.layers.forms import Layer
from harness.subjects.char_mlp.layers.linear import Linear
from harness.subjects.char_mlp.layers.norms.batch import BatchNorm1d
from harness.subjects.char_mlp.layers.norms.layer import LayerNorm
from harness.subjects.char_mlp.network import MLP

ROWS, WIDTH = 7, 5  # odd, so that vector registers are not filled evenly


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(1)


def check(
    layer: Layer, reference: Callable[[Tensor], Tensor], theirs: Iterable[Tensor], x: Tensor
) -> None:
    """Both give the same output, and the same gradients of a weighted sum of it."""
    mine = [parameter.requires_grad_() for parameter in layer.parameters()]
    x.requires_grad_(x.is_floating_point())
    inputs = [x] if x.requires_grad else []
    out, expected = layer(x), reference(x)
    torch.testing.assert_close(out, expected)
    assert layer.out is out
    weights = torch.linspace(-1, 1, out.numel()).view_as(out)
    gradients = torch.autograd.grad((weights * out).sum(), inputs + mine)
    expecteds = torch.autograd.grad((weights * expected).sum(), [*inputs, *theirs])
    for gradient, wanted in zip(gradients, expecteds, strict=True):
        torch.testing.assert_close(gradient.reshape(wanted.shape), wanted)


@pytest.mark.parametrize("bias", [True, False])
def test_linear(bias: bool, generator: torch.Generator) -> None:
    layer = Linear(4, WIDTH, generator, bias)
    reference = nn.Linear(4, WIDTH, bias)
    reference.weight.data = layer.weight.T.clone()
    if layer.bias is not None:
        layer.bias.normal_(generator=generator)
        reference.bias.data = layer.bias.clone()
    x = torch.randn(ROWS, 4, generator=generator)
    layer.weight.requires_grad_()
    torch.testing.assert_close(layer(x), reference(x))
    (gradient,) = torch.autograd.grad(layer(x).square().sum(), [layer.weight])
    (expected,) = torch.autograd.grad(reference(x).square().sum(), [reference.weight])
    torch.testing.assert_close(gradient, expected.T)
    assert len(layer.parameters()) == (2 if bias else 1)


def test_linear_draws_its_weights_like_the_lecture(generator: torch.Generator) -> None:
    drawn = torch.randn((4, WIDTH), generator=torch.Generator().manual_seed(1))
    assert torch.equal(Linear(4, WIDTH, generator).weight, drawn / 4**0.5)


def test_embedding(generator: torch.Generator) -> None:
    layer = Embedding(27, 3, generator)
    reference = nn.Embedding(27, 3, _weight=layer.weight.clone())
    x = torch.randint(27, (ROWS, 2), generator=generator)
    check(layer, lambda x: reference(x).flatten(1), reference.parameters(), x)


def test_layer_norm(generator: torch.Generator) -> None:
    layer, reference = LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
    randomise(layer, reference, generator)
    check(layer, reference, reference.parameters(), torch.randn(ROWS, WIDTH, generator=generator))


@pytest.mark.parametrize("training", [True, False])
def test_batch_norm(training: bool, generator: torch.Generator) -> None:
    layer, reference = BatchNorm1d(WIDTH), nn.BatchNorm1d(WIDTH).train(training)
    randomise(layer, reference, generator)
    layer.training = training
    layer.running_mean.normal_(generator=generator)
    layer.running_var.uniform_(0.1, 2, generator=generator)
    reference.running_mean = layer.running_mean.clone()
    reference.running_var = layer.running_var.clone()
    check(layer, reference, reference.parameters(), torch.randn(ROWS, WIDTH, generator=generator))


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "relu": functional.relu,
    "gelu": functional.gelu,
}


@pytest.mark.parametrize("name", layers.ACTIVATIONS)
def test_activations(name: str, generator: torch.Generator) -> None:
    x = 3 * torch.randn(ROWS, WIDTH, generator=generator)
    check(layers.activation(name).Textbook(), ACTIVATIONS[name], [], x)


def test_the_seed_network_has_47024_parameters(generator: torch.Generator) -> None:
    network = MLP(Fields(), 27, generator)
    assert sum(parameter.numel() for parameter in network.parameters()) == 47_024


def randomise(
    layer: LayerNorm | BatchNorm1d,
    reference: nn.LayerNorm | nn.BatchNorm1d,
    generator: torch.Generator,
) -> None:
    """Give both the same random γ and β."""
    layer.gamma.normal_(generator=generator)
    layer.beta.normal_(generator=generator)
    reference.weight.data = layer.gamma.clone()
    reference.bias.data = layer.beta.clone()
