"""Networks of equal shape, trained one after the other through the same program of compiled parts.

A member takes several steps before the next one takes the same, so that its numbers stay in the
cache. What members share is the compiled code and the memory of a step. No member's numbers depend
on the others.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from harness.subjects.char_mlp import layers
from harness.subjects.char_mlp.fields import Fields
from harness.subjects.char_mlp.layers.embedding import StackedEmbedding
from harness.subjects.char_mlp.layers.linear import StackedLinear
from harness.subjects.char_mlp.layers.loss import cross_entropy
from harness.subjects.char_mlp.layers.memberwise import Memberwise
from harness.subjects.char_mlp.layers.parts import (
    ENERGY,
    LOSS,
    RATE,
    SCALARS,
    STOP,
    Array,
    Program,
    padded,
)
from harness.subjects.char_mlp.layers.signals import add_signals, copy
from harness.subjects.char_mlp.layers.state import Layout, Place
from harness.subjects.char_mlp.layers.steps import drive, run, sgd
from harness.subjects.char_mlp.network import MLP, Block

CACHE_LINE = 64  # bytes


class StackedBlock:
    """One block in a program: Linear, then a norm and an activation if the block has them."""

    def __init__(self, textbook: Block, fields: Fields, norm: str, layout: Layout) -> None:
        self.skip = textbook.skip
        linear = StackedLinear(textbook.layers["linear"], layout)
        self.fan_in, self.units = linear.fan_in, linear.units
        self.layers: dict[str, Any] = {"linear": linear}
        modules = {"norm": norm, "activation": fields.activation}
        for name in list(textbook.layers)[1:]:
            module = getattr(layers, name)(modules[name])
            kind = getattr(module, "Stacked", Memberwise)
            self.layers[name] = kind(textbook.layers[name], self.units, layout)

    def forward(self, program: Program, source: int) -> int:
        """The block's output in training mode.

        Attributes set: `out`, the output without the skip connection.
        """
        self.out = source
        for layer in self.layers.values():
            self.out = layer.forward(program, self.out)
        return self._skipped(program, source, self.out)

    def evaluate(self, program: Program, source: int) -> tuple[int, int]:
        """The block's output in eval mode, without and with its skip connection."""
        out = source
        for layer in self.layers.values():
            out = layer.evaluate(program, out)
        return out, self._skipped(program, source, out)

    def _skipped(self, program: Program, source: int, out: int) -> int:
        if not self.skip:
            return out
        both = program.signal(self.units)
        program.add(add_signals, self.units, source, out, both)
        return both

    def backward(self, program: Program, gradient: int, out: int) -> None:
        """Write the input's gradient to `out`; the output's is overwritten."""
        if self.skip:
            before = program.signal(self.units)
            program.add(copy, self.units, gradient, before)
        linear, *rest = self.layers.values()
        for layer in reversed(rest):
            layer.backward(program, gradient)
        linear.backward(program, gradient, out)
        if self.skip:
            program.add(add_signals, self.fan_in, before, out, out)


class Evaluation:
    """A network in eval mode on blocks of contexts.

    Args:
        network: the stack's layers.
        contexts: of a block.

    Attributes:
        z: memory, in which the signals lie as (units, batch), a column a context.
        batch: contexts of a block, padded.
        hidden: where the outputs of each hidden layer begin, without skip connections.
        logits: where the logits begin.
    """

    def __init__(self, network: "StackedMLP", contexts: int) -> None:
        program = Program(contexts, network.dtype)
        self.batch = program.batch
        signal, self.hidden = network.embedding.evaluate(program), []
        for block in network.hidden:
            out, signal = block.evaluate(program, signal)
            self.hidden.append(out)
        self.logits, _ = network.output.evaluate(program, signal)
        self.program, self.code = program, program.code()
        self.z = aligned_zeros((program.size,), network.dtype)
        self.x = np.zeros(program.batch * network.fields.context, np.int64)


class StackedMLP:
    """Networks of equal shape, trained by SGD as torch.optim.SGD defines it.

    Args:
        networks: one for each member, of equal shape.
        fields: of each member; what is not `stackable` is taken of the first.

    Attributes:
        p: parameters (K, P), each member's at the same places.
        g: gradients of the member that a step was last computed of (P,).
        v: velocities (K, P); empty where no member has momentum.
        places: of each tensor in a member's parameters, by name.
    """

    def __init__(self, networks: Sequence[MLP], fields: Sequence[Fields]) -> None:
        first, self.fields, self.count = networks[0], fields[0], len(networks)
        self.vocabulary = len(first.embedding.weight)
        self.dtype = first.embedding.weight.numpy().dtype
        self.embedding, self.hidden, self.output, size = self._layers(first)
        self.places: dict[str, Place] = {
            f"{name}.{attribute}": place
            for name, layer in self.named_layers()
            for attribute, place in layer.places.items()
        }
        trained = {id(parameter) for parameter in first.parameters()}
        self.trained = [name for name, t in first.state().items() if id(t) in trained]
        self.spans = np.array([self.places[name].span for name in self.trained])
        self.p = aligned_zeros((self.count, padded(size)), self.dtype)
        for name, place in self.places.items():
            place.of(self.p)[:] = np.stack([n.state()[name].detach().numpy() for n in networks])
        self.momentum = [f.momentum for f in fields]
        self.decay = [f.weight_decay for f in fields]
        self.v = np.zeros_like(self.p if any(self.momentum) else self.p[:, :0])
        self.g = np.zeros_like(self.p[0])
        self.s = np.zeros(SCALARS)
        self._assemble()
        self._evaluations: dict[int, Evaluation] = {}

    def _layers(self, first: MLP) -> tuple[StackedEmbedding, list[StackedBlock], StackedBlock, int]:
        """The layers of all members, and how many numbers their parameters take."""
        layout, f = Layout(), self.fields
        embedding = StackedEmbedding(first.embedding, f.context, layout)
        hidden = [StackedBlock(block, f, f.norm, layout) for block in first.hidden]
        output = StackedBlock(first.output, f, f.output_norm, layout)
        return embedding, hidden, output, layout.size

    def _assemble(self) -> None:
        """Put the programs of a training step together."""
        fields, blocks = self.fields, (*self.hidden, self.output)
        program = Program(fields.batch, self.dtype)
        signal = self.embedding.forward(program)
        for block in blocks:
            signal = block.forward(program, signal)
        widest = max(self.embedding.units, *(block.units for block in blocks))
        gradient, other = program.signal(widest), program.signal(widest)
        program.add(cross_entropy, self.vocabulary, signal, gradient, fields.batch * fields.context)
        kept = []
        for block in reversed(blocks):
            if block is not self.output:
                kept.append(program.signal(block.units))
                program.add(copy, block.units, gradient, kept[-1], observing=True)
            block.backward(program, gradient, other)
            gradient, other = other, gradient
        self.embedding.backward(program, gradient)
        update, settle = (Program(fields.batch, self.dtype) for _ in range(2))
        for _, layer in self.named_layers():
            layer.update(update)
            if hasattr(layer, "settle"):
                layer.settle(settle)
        self._programs = program, update, settle  # they keep Python functions alive
        self.codes = program.code(), update.code(), settle.code()
        self._observing = program.code(observing=True)
        self.z = aligned_zeros((program.size,), self.dtype)
        self.x = np.zeros(fields.batch * (fields.context + 1), np.int64)
        shape = (fields.batch, program.batch)
        self.outputs = [self._signal(block.out, block.units, *shape) for block in self.hidden]
        self.d_outputs = [
            self._signal(place, block.units, *shape)
            for place, block in zip(reversed(kept), self.hidden, strict=True)
        ]

    def _signal(self, place: int, units: int, examples: int, batch: int) -> Array:
        """A view of a signal in the memory of a step, (units, B)."""
        return self.z[place : place + units * batch].reshape(units, batch)[:, :examples]

    def named_layers(self) -> Iterator[tuple[str, Any]]:
        """Every layer with its name; the names are those of `MLP.named_layers`."""
        yield "embedding", self.embedding
        for number, block in enumerate(self.hidden, start=1):
            for name, layer in block.layers.items():
                yield f"hidden.{number}.{name}", layer
        for name, layer in self.output.layers.items():
            yield f"output.{name}", layer

    def advance(
        self, k: int, contexts: Array, targets: Array, rows: Array, rates: Array
    ) -> tuple[Array, int]:
        """Let a member take several steps; it stops before one that is not finite.

        Args:
            k: the member.
            contexts, targets: all training examples (N, context), (N,).
            rows: the examples of each step (n, B).
            rates: the learning rate of each step (n,).

        Returns:
            The loss of each step (n,), nats, and how many were taken. Only the losses up to that of
            the first step not taken have a meaning.
        """
        losses, taken = np.zeros(len(rows)), 0
        while True:
            taken = drive(
                self.codes, self.spans, self.p[k], self.g, self.v[k], self.momentum[k],
                self.decay[k], self.z, self.x, self.s, contexts, targets, rows, rates, losses,
                taken,
            )  # fmt: skip
            self._raise_errors()
            if taken == len(rows) or not self._finite():
                return losses, taken
            self.apply(k, rates[taken])
            taken += 1

    def gradient(self, k: int, contexts: Array, targets: Array) -> tuple[float, bool]:
        """Compute a member's gradients for a minibatch, (B, context) and (B,), without an update.

        `g`, `outputs` and `d_outputs` hold what was computed until the next step of any member.

        Returns:
            The loss, nats, and whether it and all gradients are finite.
        """
        self.x[: contexts.size] = contexts.reshape(-1)
        self.x[contexts.size :] = targets
        self.s[ENERGY] = 0
        run(self._observing, self.p[k], self.z, self.x, self.s)
        self._raise_errors()
        return float(self.s[LOSS]), self._finite()

    def _finite(self) -> bool:
        """Whether the loss and the gradients of the last step are finite; fills `g`."""
        self.g[:] = 0
        self.s[RATE] = -1  # so that the gradient is added to 0
        run(self.codes[1], self.g, self.z, self.x, self.s)
        self._raise_errors()
        found = self.gradients().values()
        return bool(np.isfinite(self.s[LOSS])) and all(np.isfinite(g).all() for g in found)

    def gradients(self) -> dict[str, Array]:
        """What `g` holds, by the parameters' names."""
        return {name: self.places[name].of(self.g[None])[0] for name in self.trained}

    def apply(self, k: int, rate: float) -> None:
        """Take the step whose gradients `g` holds; it then holds what was subtracted over rate."""
        momentum, decay = self.momentum[k], self.decay[k]
        sgd(self.spans, self.p[k], self.g, self.v[k], rate, momentum, decay)
        run(self.codes[2], self.p[k], self.z, self.x, self.s)
        self._raise_errors()

    def evaluate(self, k: int, contexts: Array) -> Evaluation:
        """A member's outputs in eval mode for some contexts (C, context), until the next call."""
        count = len(contexts)
        if count not in self._evaluations:
            self._evaluations[count] = Evaluation(self, count)
        found = self._evaluations[count]
        found.x[: contexts.size] = contexts.reshape(-1)
        run(found.code, self.p[k], found.z, found.x, self.s)
        self._raise_errors()
        return found

    def _raise_errors(self) -> None:
        """Raise what a layer in Python has raised, since compiled code cannot pass it on."""
        if self.s[STOP]:
            self.s[STOP] = 0
            failed = [layer for _, layer in self.named_layers() if getattr(layer, "error", None)]
            errors = [layer.error for layer in failed]
            for layer in failed:
                layer.error = None
            raise errors[0]

    def member_state(self, k: int) -> dict[str, Tensor]:
        """Copies of the tensors that define one member, by name."""
        return {n: torch.from_numpy(place.of(self.p)[k].copy()) for n, place in self.places.items()}

    def velocity(self, k: int) -> dict[str, Tensor]:
        """Copies of a member's velocities by name; nothing where it has no momentum."""
        names = self.trained if self.momentum[k] else ()
        return {n: torch.from_numpy(self.places[n].of(self.v)[k].copy()) for n in names}

    def set_velocity(self, k: int, tensors: dict[str, Tensor]) -> None:
        """Go on with these velocities."""
        for name, tensor in tensors.items():
            self.places[name].of(self.v)[k] = tensor.numpy()


def aligned_zeros(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Zeros whose rows begin on cache lines, if a row takes whole ones."""
    line = CACHE_LINE // dtype.itemsize
    count = int(np.prod(shape))
    memory = np.zeros(count + line, dtype)
    start = -(memory.ctypes.data // dtype.itemsize) % line
    return memory[start : start + count].reshape(shape)
