"""The deep character-level MLP in textbook form, after Bengio et al. 2003 and the lectures."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from harness.subjects.char_mlp import layers
from harness.subjects.char_mlp.draws import normal
from harness.subjects.char_mlp.fields import Fields
from harness.subjects.char_mlp.init import INITS
from harness.subjects.char_mlp.layers.embedding import Embedding
from harness.subjects.char_mlp.layers.forms import Draw
from harness.subjects.char_mlp.layers.linear import Linear
from harness.subjects.streams import stream


class Block:
    """Layers in sequence, optionally with a skip connection around them.

    Attributes:
        layers: by kind: "linear", then "norm" and "activation" if the block has them.
        skip: whether the input is added to the output (He et al. 2016).
    """

    def __init__(self, layers: dict[str, Any], skip: bool = False) -> None:
        self.layers = layers
        self.skip = skip

    def __call__(self, x: Tensor) -> Tensor:
        """The block's output (B, fan_out) for x (B, fan_in)."""
        out = x
        for layer in self.layers.values():
            out = layer(out)
        return x + out if self.skip else out


class MLP:
    """Embedding, hidden blocks of Linear → norm → activation, and a last Linear → norm.

    Args:
        fields: of the run.
        vocabulary: number of characters.
        generator: draws the embedding, then each weight from input to output.
        draw: the normal deviates of a shape; the default's have the same bits everywhere.

    Attributes:
        embedding: of the characters.
        hidden: the hidden blocks.
        output: the last block, which has no activation.
    """

    def __init__(
        self, fields: Fields, vocabulary: int, generator: torch.Generator, draw: Draw = normal
    ) -> None:
        divisor = INITS[fields.init]
        self.embedding = Embedding(vocabulary, fields.embedding, generator, draw)
        self.hidden: list[Block] = []
        fan_in = fields.context * fields.embedding
        for _ in range(fields.depth):
            linear = Linear(
                fan_in, fields.width, generator, fields.norm == "none", divisor(fan_in), draw
            )
            linear.weight *= fields.gain
            activation = layers.activation(fields.activation).Textbook()
            skip = fields.residual and fan_in == fields.width
            norm = _norm(fields.norm, fields.width)
            self.hidden.append(Block({"linear": linear, **norm, "activation": activation}, skip))
            fan_in = fields.width
        last = Linear(
            fan_in, vocabulary, generator, fields.output_norm == "none", divisor(fan_in), draw
        )
        self.output = Block({"linear": last} | _norm(fields.output_norm, vocabulary))
        self._scale_output(fields.output_scale)

    def _scale_output(self, scale: float) -> None:
        """Multiply the last γ if there is one, else the last weight."""
        norm = self.output.layers.get("norm")
        if norm is None:
            self.output.layers["linear"].weight *= scale
        else:
            norm.gamma *= scale

    @classmethod
    def initial(cls, fields: Fields, seed: int, vocabulary: int) -> "MLP":
        """The untrained network of a run; variants of equal shape get equal draws."""
        return cls(fields, vocabulary, stream(seed, "weights"))

    @classmethod
    def restored(cls, fields: Fields, vocabulary: int, state: dict[str, Tensor]) -> "MLP":
        """The network with this state."""
        # torch's deviates are at hand; compiled code for others would take half a second to load.
        network = cls(fields, vocabulary, torch.Generator(), torch.randn)
        network.load(state)
        return network

    def __call__(self, x: Tensor) -> Tensor:
        """The logits (B, V) of the next character for contexts x (B, C)."""
        out = self.embedding(x)  # (B, C × E)
        for block in self.hidden:
            out = block(out)
        return self.output(out)

    def named_layers(self) -> Iterator[tuple[str, Any]]:
        """Every layer with its name: "embedding", "hidden.1.linear", …, "output.norm"."""
        yield "embedding", self.embedding
        for number, block in enumerate(self.hidden, start=1):
            for name, layer in block.layers.items():
                yield f"hidden.{number}.{name}", layer
        for name, layer in self.output.layers.items():
            yield f"output.{name}", layer

    def parameters(self) -> list[Tensor]:
        """Everything that is trained, from input to output."""
        return [p for _, layer in self.named_layers() for p in layer.parameters()]

    def state(self) -> dict[str, Tensor]:
        """The tensors that define the network, by name, such as "hidden.1.linear.weight"."""
        return {
            f"{name}.{attribute}": tensor
            for name, layer in self.named_layers()
            for attribute, tensor in layer.state().items()
        }

    def load(self, state: dict[str, Tensor]) -> None:
        """Copy a state that `state` returned into this network."""
        for name, layer in self.named_layers():
            for attribute in layer.state():
                setattr(layer, attribute, state[f"{name}.{attribute}"].clone())

    def to(self, dtype: torch.dtype) -> "MLP":
        """This network, converted to another dtype."""
        self.load({name: tensor.to(dtype) for name, tensor in self.state().items()})
        return self

    def train(self, training: bool = True) -> "MLP":
        """This network, in training mode or (False) in eval mode."""
        for _, layer in self.named_layers():
            if hasattr(layer, "training"):
                layer.training = training
        return self


def _norm(name: str, width: int) -> dict[str, Any]:
    return {} if name == "none" else {"norm": layers.norm(name).Textbook(width)}
