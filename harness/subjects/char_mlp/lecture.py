"""The lecture's network, trained as in the lecture and compared with the numbers printed there."""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from harness.errors import UserError
from harness.subjects.char_mlp.layers.activations.tanh import Tanh
from harness.subjects.char_mlp.layers.embedding import Embedding
from harness.subjects.char_mlp.layers.linear import Linear
from harness.subjects.char_mlp.layers.norms.batch import BatchNorm1d
from harness.subjects.char_mlp.measured import SATURATED
from harness.subjects.corpus import NAMES_DIGEST, Corpus
from harness.subjects.corpus.split import Split

SEED = 2147483647
STEPS = 1001
BATCH = 32
CONTEXT = 3
NAMES = 20
LAST_DIGIT = 2  # units in the last place by which a gradient's std may differ between processors


@dataclass(frozen=True)
class Row:
    """One Tanh layer of the printed table, as text in the lecture's format.

    Attributes:
        layer: its index among the layers after the embedding.
        mean, std: of its outputs.
        saturated_percent: of its outputs beyond ±0.97.
        gradient_std: of its outputs' gradient.
    """

    layer: int
    mean: str
    std: str
    saturated_percent: str
    gradient_std: str

    def __str__(self) -> str:
        """The row as the lecture prints it, and the gradient."""
        return (
            f"layer {self.layer:2d} (Tanh): mean {self.mean}, std {self.std}, "
            f"saturated: {self.saturated_percent}%, gradient std {self.gradient_std}"
        )

    def matches(self, published: "Row") -> bool:
        """Whether all digits agree; the gradient's last one may differ by `LAST_DIGIT`."""
        ours, our_exponent = self.gradient_std.split("e")
        theirs, their_exponent = published.gradient_std.split("e")
        near = abs(round((float(ours) - float(theirs)) * 1e6)) <= LAST_DIGIT
        rest = replace(self, gradient_std="") == replace(published, gradient_std="")
        return rest and near and our_exponent == their_exponent


class Network:
    """The lecture's deep BatchNorm MLP: five hidden layers of 100 tanh units, 47,024 parameters."""

    def __init__(self, vocabulary: int, generator: torch.Generator) -> None:
        self.embedding = Embedding(vocabulary, 10, generator)
        self.layers: list[Any] = []
        fan_in = CONTEXT * 10
        for fan_out in (100, 100, 100, 100, 100, vocabulary):
            self.layers += [
                Linear(fan_in, fan_out, generator, bias=False),
                BatchNorm1d(fan_out, unbiased=True),
                Tanh(),
            ]
            fan_in = fan_out
        self.layers.pop()  # no tanh after the last norm
        self.layers[-1].gamma *= 0.1  # small initial logits: nearly uniform predictions

    def __call__(self, x: Tensor) -> Tensor:
        """The logits (B, V) for contexts x (B, 3)."""
        out = self.embedding(x)
        for layer in self.layers:
            out = layer(out)
        return out

    def parameters(self) -> list[Tensor]:
        """Everything that is trained."""
        layers = [self.embedding, *self.layers]
        return [p for layer in layers for p in layer.parameters()]

    def evaluation(self) -> "Network":
        """This network, in eval mode."""
        for layer in self.layers:
            if isinstance(layer, BatchNorm1d):
                layer.training = False
        return self


@dataclass(frozen=True)
class Lecture:
    """The results of the lecture's notebook.

    Attributes:
        examples: how many each split has.
        parameters: how many numbers are trained.
        initial_loss: of the first minibatch, nats.
        rows: one for each Tanh layer, for the last minibatch.
        network: the trained network, in training mode.
    """

    examples: dict[str, int]
    parameters: int
    initial_loss: float
    rows: list[Row]
    network: Network


def published() -> dict[str, Any]:
    """The numbers that the lecture prints, from `lecture.toml`."""
    text = files("harness.subjects.char_mlp").joinpath("lecture.toml").read_text("utf-8")
    return tomllib.loads(text)


def published_rows() -> list[Row]:
    """The lecture's table."""
    return [Row(**row) for row in published()["tanh"]]


def reproduce(corpus: Corpus) -> Lecture:
    """Train the lecture's network for 1,001 steps with the lecture's random numbers.

    Raises:
        UserError: the corpus is not names.txt.
    """
    if corpus.digest != NAMES_DIGEST:
        raise UserError(
            "the lecture's numbers are for names.txt",
            corpus.name,
            "Name it with --data or ABLATE_DATA, or download it: `ablate data --use names.txt`.",
        )
    torch.set_num_threads(1)
    splits = corpus.splits(CONTEXT)
    generator = torch.Generator().manual_seed(SEED)
    network = Network(corpus.vocabulary, generator)
    losses = list(train(network, splits.train, generator))
    return Lecture(
        examples={name: len(split.Y) for name, split in splits._asdict().items()},
        parameters=sum(p.nelement() for p in network.parameters()),
        initial_loss=losses[0],
        rows=[row(i, layer) for i, layer in enumerate(network.layers) if isinstance(layer, Tanh)],
        network=network,
    )


def train(network: Network, split: Split, generator: torch.Generator) -> Iterator[float]:
    """The lecture's loop: plain SGD at 0.1; yields each minibatch's loss.

    The layers' outputs of the last step keep their gradients.
    """
    X, Y = split.tensors()
    parameters = network.parameters()
    for parameter in parameters:
        parameter.requires_grad_()
    for _ in range(STEPS):
        rows = torch.randint(0, len(X), (BATCH,), generator=generator)
        loss = cross_entropy(network(X[rows]), Y[rows])
        for layer in network.layers:
            layer.out.retain_grad()
        for parameter in parameters:
            parameter.grad = None
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        for parameter in parameters:
            assert parameter.grad is not None  # noqa: S101 - backward has just set it
            parameter.data += -0.1 * parameter.grad
        yield loss.item()


def row(number: int, layer: Tanh) -> Row:
    """A Tanh layer's row of the table, for the last step."""
    out, gradient = layer.out.detach(), layer.out.grad
    assert gradient is not None  # noqa: S101 - `train` retains it
    saturated = (out.abs() > SATURATED).float().mean().item() * 100
    return Row(
        layer=number,
        mean=f"{out.mean().item():+.2f}",
        std=f"{out.std().item():.2f}",
        saturated_percent=f"{saturated:.2f}",
        gradient_std=f"{gradient.std().item():e}",
    )


@torch.no_grad()
def losses(network: Network, corpus: Corpus) -> dict[str, float]:
    """The loss over each split in eval mode, nats."""
    network.evaluation()
    splits = {n: split.tensors() for n, split in corpus.splits(CONTEXT)._asdict().items()}
    return {name: cross_entropy(network(X), Y).item() for name, (X, Y) in splits.items()}


@torch.no_grad()
def names(network: Network, corpus: Corpus) -> list[str]:
    """Twenty names, sampled as in the lecture: one draw per character."""
    network.evaluation()
    generator = torch.Generator().manual_seed(SEED + 10)
    written = []
    for _ in range(NAMES):
        codes, context = [], [0] * CONTEXT
        while True:
            probabilities = network(torch.tensor([context])).softmax(1)  # (1, V)
            code = int(torch.multinomial(probabilities, 1, generator=generator))
            if code == 0:
                break
            codes.append(code)
            context = [*context[1:], code]
        written.append("".join(corpus.alphabet[code] for code in codes))
    return written
