"""The embedding of characters."""

import torch
from torch import Tensor

from harness.subjects.char_mlp.layers.forms import Draw
from harness.subjects.char_mlp.layers.lanes import (
    LANES,
    broadcast,
    fma,
    masked,
    put,
    take,
    transpose,
)
from harness.subjects.char_mlp.layers.parts import RATE, Array, Part, Program, padded
from harness.subjects.char_mlp.layers.signals import by_example
from harness.subjects.char_mlp.layers.state import Layout


class Embedding:
    """One row of weights for each character; a context's rows are concatenated.

    Attributes:
        weight: (V, E), drawn from N(0, 1).
        out: the last output.
    """

    def __init__(
        self, vocabulary: int, size: int, generator: torch.Generator, draw: Draw = torch.randn
    ) -> None:
        self.weight = draw((vocabulary, size), generator=generator)

    def __call__(self, x: Tensor) -> Tensor:
        """The embedded contexts (B, C × E) of character numbers x (B, C)."""
        self.out = self.weight[x].view(len(x), -1)  # (B, C, E) -> (B, C × E)
        return self.out

    def parameters(self) -> list[Tensor]:
        """What is trained: the weight."""
        return [self.weight]

    def state(self) -> dict[str, Tensor]:
        """The tensors that define the layer, by attribute."""
        return {"weight": self.weight}


class StackedEmbedding:
    """The embedding in a program.

    Args:
        textbook: the layer of any member.
        context: characters of a context, C.
        layout: assigns the places of parameters.

    Attributes:
        places: of the weight (V, E).
        units: of the output, C × E.
    """

    def __init__(self, textbook: Embedding, context: int, layout: Layout) -> None:
        self.vocabulary, self.size = textbook.weight.shape
        self.context, self.units = context, context * self.size
        self.weight = layout.place(textbook.weight.shape)
        self.places = {"weight": self.weight}

    def forward(self, program: Program) -> int:
        """The embedded contexts, (C × E, batch)."""
        step = padded(self.units) + LANES  # of a row: a character's vectors reach beyond its end
        rows, out = program.memory(program.batch * step), program.signal(self.units)
        program.add(
            embed, self.context, self.size, self.weight.at, self.weight.stride, rows, step, out
        )
        return out

    evaluate = forward

    def backward(self, program: Program, gradient: int) -> None:
        """Keep the output's gradient for the update, example by example."""
        self.step = padded(self.units)
        self.gradient = program.memory(program.batch * self.step + LANES)
        self.sums = program.memory(self.vocabulary * self.weight.stride)
        program.add(by_example, self.units, gradient, self.gradient, self.step)

    def update(self, program: Program) -> None:
        """Subtract the gradient."""
        program.add(
            embedding_update, self.context, self.size, self.vocabulary, self.weight.at,
            self.weight.stride, self.gradient, self.step, self.sums,
        )  # fmt: skip


@Part
def embed(n: Array, p: Array, z: Array, x: Array, s: Array) -> None:
    """z[out] (C × E, batch) ← the rows of p[weight] (V, E) that the contexts name.

    A character's numbers are copied in whole vectors; the next character overwrites the rest.
    """
    examples, batch, context, size = n[1], n[2], n[3], n[4]
    weight, stride, rows, step, out = n[5], n[6], n[7], n[8], n[9]
    for c in range(context):
        for e in range(0, size, LANES):
            for b in range(examples):
                row = take(p, weight + x[b * context + c] * stride + e)
                put(z, rows + b * step + c * size + e, row)
    for unit in range(0, context * size, LANES):
        for b in range(0, batch, LANES):
            transpose(z, rows + b * step + unit, step, z, out + unit * batch + b, batch)


@Part
def embedding_update(n: Array, p: Array, z: Array, x: Array, s: Array) -> None:
    """p[weight] (V, E) ← p − rate × the sum of the gradients (batch, C × E) of each character."""
    examples, context, size, vocabulary = n[1], n[3], n[4], n[5]
    weight, stride, gradient, step, sums = n[6], n[7], n[8], n[9], n[10]
    for at in range(0, vocabulary * stride, LANES):
        put(z, sums + at, broadcast(z, 0.0))
    for e in range(0, size, LANES):
        for b in range(examples):
            for c in range(context):
                place = sums + x[b * context + c] * stride + e
                put(z, place, take(z, place) + take(z, gradient + b * step + c * size + e))
    rate = broadcast(z, -s[RATE])
    for v in range(vocabulary):
        for e in range(0, size, LANES):
            place = v * stride + e
            change = masked(take(z, sums + place), e, size)
            put(p, weight + place, fma(rate, change, take(p, weight + place)))
