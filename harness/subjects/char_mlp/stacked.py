"""Networks of equal shape trained as one: each layer holds the numbers of all members."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from harness.subjects.char_mlp import layers
from harness.subjects.char_mlp.fields import Fields
from harness.subjects.char_mlp.layers.embedding import StackedEmbedding
from harness.subjects.char_mlp.layers.kernels import Array, Signal, energies
from harness.subjects.char_mlp.layers.linear import StackedLinear
from harness.subjects.char_mlp.layers.loss import cross_entropy_step
from harness.subjects.char_mlp.layers.memberwise import Memberwise
from harness.subjects.char_mlp.network import MLP, Block

# A weight's gradient is the product of its layer's inputs and output gradients. If the entries of
# both are below 1e10, it cannot overflow; otherwise the gradient itself is computed and checked.
SAFE_ENERGY = 1e20

Observer = Callable[[int, Signal], None]


class StackedBlock:
    """One block of all members: Linear, then a norm and an activation if the block has them."""

    def __init__(self, members: list[Block], fields: Fields, norm: str, dtype: torch.dtype) -> None:
        first, rows = members[0], fields.batch
        self.skip = first.skip
        self.linear = StackedLinear([m.layers["linear"] for m in members], rows, dtype)
        modules = {
            "norm": lambda: layers.norm(norm),
            "activation": lambda: layers.activation(fields.activation),
        }
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
        """The block's output in eval mode without its skip connection, written to `out`."""
        out = self.linear.apply(x, out)
        for layer in self.rest.values():
            out = layer.evaluate(out)
        return out

    def backward(self, d_out: Signal) -> Signal:
        """The input's gradient from the output's, which is overwritten."""
        if self.skip:
            np.copyto(self.d_sum.array, d_out.array)
        for layer in reversed(self.rest.values()):
            d_out = layer.backward(d_out)
        d_x = self.linear.backward(d_out)
        if self.skip:
            d_x.array += self.d_sum.array
        return d_x

    def update(self) -> None:
        """Subtract the gradients of every layer."""
        self.linear.update()
        for layer in self.rest.values():
            layer.update()

    def layers(self) -> Iterator[tuple[str, Any]]:
        """The layers by name."""
        yield "linear", self.linear
        yield from self.rest.items()


class StackedMLP:
    """Networks of equal shape, trained together by plain SGD.

    Every member's numbers are bit-identical to those it would have alone.

    Args:
        networks: one for each member, of equal shape.
        fields: of any member; only the fields that all share are used.

    Attributes:
        loss: each member's last minibatch loss (K,), nats.
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
        """Compute each member's minibatch loss and gradients, without an update.

        Args:
            x: contexts (K, B, C).
            targets: next characters (K, B).
            lr: learning rates (K,).
            observe: called with each hidden layer's index, from the last to 0, and the gradient of
                its outputs times the learning rate.
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

        Use a yielded signal before the next iteration, which may add a skip connection to it. The
        next call reuses the memory.

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
        """Memory for a signal like this one with so many rows, reused by later calls."""
        if (rows, id(like)) not in self._evaluation_memory:
            width, dtype = like.tensor.shape[2], like.tensor.dtype
            self._evaluation_memory[rows, id(like)] = Signal(self.count, rows, width, dtype)
        return self._evaluation_memory[rows, id(like)]

    def update(self) -> None:
        """Subtract what `gradient` computed."""
        self.embedding.update()
        for block in (*self.hidden, self.output):
            block.update()

    def all_finite(self) -> Array:
        """Whether each member's loss and all its gradients are finite (K,)."""
        for i, block in enumerate((*self.hidden, self.output)):
            linear = block.linear
            energies(linear.d_out.array, linear.d_out.rows, self.energy[2 * i])
            energies(linear.x.array, linear.x.rows, self.energy[2 * i + 1])
        finite: Array = np.isfinite(self.loss)
        if not (self.energy < SAFE_ENERGY).all():
            for gradient in self.gradients().values():
                finite &= np.isfinite(gradient).reshape(self.count, -1).all(axis=1)
        return finite

    def layers(self) -> Iterator[tuple[str, Any]]:
        """Every layer with its name; the names are those of `MLP.named_layers`."""
        yield "embedding", self.embedding
        for number, block in enumerate(self.hidden, start=1):
            for name, layer in block.layers():
                yield f"hidden.{number}.{name}", layer
        for name, layer in self.output.layers():
            yield f"output.{name}", layer

    def gradients(self) -> dict[str, Array]:
        """What the next update subtracts from every parameter, by name; members first."""
        return {
            f"{name}.{attribute}": gradient
            for name, layer in self.layers()
            for attribute, gradient in layer.gradients().items()
        }

    def state(self) -> dict[str, Tensor]:
        """The tensors that define the members, by name, with members as their first axis."""
        return {
            f"{name}.{attribute}": tensor
            for name, layer in self.layers()
            for attribute, tensor in layer.state.items()
        }

    def member_state(self, k: int) -> dict[str, Tensor]:
        """Copies of the tensors that define one member, by name."""
        return {name: tensor[k].clone() for name, tensor in self.state().items()}
