"""Networks of equal shape trained as one: each layer holds all members' numbers side by side."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from harness import layers
from harness.fields import Fields
from harness.layers.embedding import StackedEmbedding
from harness.layers.kernels import Array, Signal, energies
from harness.layers.linear import StackedLinear
from harness.layers.loss import cross_entropy_step
from harness.layers.memberwise import Memberwise
from harness.network import MLP, Block

# Gradients whose entries, and inputs, stay below 1e10 cannot overflow in a product over a batch;
# beyond, the gradients themselves are looked at.
SAFE_ENERGY = 1e20

Observer = Callable[[int, Signal], None]


class StackedBlock:
    """One block of all members: Linear, then a norm and an activation where there are such."""

    def __init__(self, members: list[Block], fields: Fields, norm: str, dtype: torch.dtype) -> None:
        first, rows = members[0], fields.batch
        self.skip = first.skip
        self.linear = StackedLinear([m.layers["linear"] for m in members], rows, dtype)
        modules = {"norm": lambda: layers.norm(norm),
                   "activation": lambda: layers.activation(fields.activation)}  # fmt: skip
        self.rest: dict[str, Any] = {
            name: getattr(modules[name](), "Stacked", Memberwise)(
                [m.layers[name] for m in members], rows, dtype
            )
            for name in first.layers
            if name != "linear"
        }
        count, _, width = self.linear.weight.tensor.shape
        if self.skip:
            self.sum, self.d_sum = (Signal(count, rows, width, dtype) for _ in range(2))

    def forward(self, x: Signal) -> Signal:
        """The block's output in training mode."""
        out = self.linear.forward(x)
        for layer in self.rest.values():
            out = layer.forward(out)
        self.out = out
        if not self.skip:
            return out
        np.add(x.array, out.array, out=self.sum.array)
        return self.sum

    def evaluate(self, x: Signal, out: Signal) -> Signal:
        """The block's output in eval mode, in the given memory, before the skip connection."""
        out = self.linear.apply(x, out)
        for layer in self.rest.values():
            out = layer.evaluate(out)
        return out

    def backward(self, d_out: Signal) -> Signal:
        """The gradient by the input, from that by the output."""
        if self.skip:
            np.copyto(self.d_sum.array, d_out.array)
        for layer in reversed(self.rest.values()):
            d_out = layer.backward(d_out)
        d_x = self.linear.backward(d_out)
        if self.skip:
            d_x.array += self.d_sum.array
        return d_x

    def update(self) -> None:
        """Take the step of every layer."""
        self.linear.update()
        for layer in self.rest.values():
            layer.update()

    def layers(self) -> Iterator[tuple[str, Any]]:
        """The layers by name."""
        yield "linear", self.linear
        yield from self.rest.items()


class Stack:
    """Networks of equal shape, trained by plain SGD in common passes.

    Every member's numbers are those it would have alone, to the last bit.

    Args:
        networks: one for each member, of equal shape.
        fields: of any member; only fields that all share are used.
    """

    def __init__(self, networks: Sequence[MLP], fields: Fields) -> None:
        self.count, self.fields = len(networks), fields
        dtype = networks[0].embedding.weight.dtype
        rows, first = fields.batch, networks[0]
        self.vocabulary = len(first.embedding.weight)
        self.embedding = StackedEmbedding(
            [n.embedding for n in networks], rows, fields.context, dtype
        )
        self.hidden = [
            StackedBlock([n.hidden[i] for n in networks], fields, fields.norm, dtype)
            for i in range(fields.depth)
        ]
        self.output = StackedBlock([n.output for n in networks], fields, fields.output_norm, dtype)
        self.d_logits = Signal(self.count, rows, self.vocabulary, dtype)
        self.loss = np.zeros(self.count)
        self._evaluation_memory: dict[tuple[int, int], Signal] = {}
        self.energy = np.zeros((2 * (fields.depth + 1), self.count))

    def gradient(
        self, x: Array, targets: Array, lr: Array, observe: Observer | None = None
    ) -> None:
        """Compute each member's minibatch loss and its steps, and take none yet.

        Args:
            x: contexts (K, B, C).
            targets: next characters (K, B).
            lr: learning rates (K,).
            observe: called with each hidden layer's number, from the last down to 0, and the
                gradient by its outputs times the learning rate.
        """
        signal = self.embedding.forward(x)
        for block in (*self.hidden, self.output):
            signal = block.forward(signal)
        cross_entropy_step(
            signal.array, signal.columns, targets, lr, self.loss, self.d_logits.array
        )
        d_signal = self.output.backward(self.d_logits)
        for number in reversed(range(len(self.hidden))):
            if observe:
                observe(number, d_signal)
            d_signal = self.hidden[number].backward(d_signal)
        self.embedding.backward(d_signal)

    def evaluate(self, contexts: Array) -> Iterator[Signal]:
        """Each hidden layer's outputs in eval mode, then the logits, all (K, C, …).

        What is yielded before lasts until the next but one is asked for.

        Args:
            contexts: (C, context), the same for every member.
        """
        x = np.ascontiguousarray(np.broadcast_to(contexts, (self.count, *contexts.shape)))
        signal = self.embedding.apply(x, self._memory(len(contexts), self.embedding.out))
        for block in (*self.hidden, self.output):
            out = block.evaluate(signal, self._memory(len(contexts), block.linear.out))
            yield out
            if block.skip:
                out.array += signal.array
            signal = out

    def _memory(self, rows: int, like: Signal) -> Signal:
        """Memory for so many rows of a signal, kept for the next time."""
        if (rows, id(like)) not in self._evaluation_memory:
            width, dtype = like.tensor.shape[2], like.tensor.dtype
            self._evaluation_memory[rows, id(like)] = Signal(self.count, rows, width, dtype)
        return self._evaluation_memory[rows, id(like)]

    def update(self) -> None:
        """Take the step that `gradient` computed."""
        self.embedding.update()
        for block in (*self.hidden, self.output):
            block.update()

    def sound(self) -> Array:
        """Whether each member's loss and all its gradients are finite (K,)."""
        for i, block in enumerate((*self.hidden, self.output)):
            linear = block.linear
            energies(linear.d_out.array, linear.d_out.rows, self.energy[2 * i])
            energies(linear.x.array, linear.x.rows, self.energy[2 * i + 1])
        sound: Array = np.isfinite(self.loss)
        if not (self.energy < SAFE_ENERGY).all():
            for gradient in self.gradients().values():
                sound &= np.isfinite(gradient).reshape(self.count, -1).all(axis=1)
        return sound

    def layers(self) -> Iterator[tuple[str, Any]]:
        """Every layer with its name, as `MLP.named_layers` has them."""
        yield "embedding", self.embedding
        for number, block in enumerate(self.hidden, start=1):
            for name, layer in block.layers():
                yield f"hidden.{number}.{name}", layer
        for name, layer in self.output.layers():
            yield f"output.{name}", layer

    def gradients(self) -> dict[str, Array]:
        """The coming step of every parameter by name, each with a first axis of members."""
        return {
            f"{name}.{attribute}": gradient
            for name, layer in self.layers()
            for attribute, gradient in layer.gradients().items()
        }

    def state(self) -> dict[str, Tensor]:
        """All that defines the members, by name, each with a first axis of members."""
        return {
            f"{name}.{attribute}": tensor
            for name, layer in self.layers()
            for attribute, tensor in layer.state.items()
        }

    def member_state(self, k: int) -> dict[str, Tensor]:
        """All that defines one member, by name; a copy."""
        return {name: tensor[k].clone() for name, tensor in self.state().items()}
