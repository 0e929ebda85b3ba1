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
from harness.subjects.char_mlp.layers.forms import StackedLayer
from harness.subjects.char_mlp.layers.linear import StackedLinear
from harness.subjects.char_mlp.layers.loss import cross_entropy
from harness.subjects.char_mlp.layers.memberwise import Memberwise
from harness.subjects.char_mlp.layers.parts import (
    ENERGY,
    LOSS,
    SCALARS,
    STOP,
    Array,
    Program,
    padded,
)
from harness.subjects.char_mlp.layers.signals import add_signals, copy
from harness.subjects.char_mlp.layers.state import Layout, Place
from harness.subjects.char_mlp.layers.steps import collect, drive, run, sgd
from harness.subjects.char_mlp.network import MLP, Block

CACHE_LINE = 64  # bytes


class StackedBlock:
    """One block in a program: Linear, then a norm and an activation if the block has them.

    Attributes:
        linear: the first layer.
        rest: the others, by kind.
        skip: whether the input is added to the output.
        out: where the output begins, without the skip connection, once there is a forward pass.
    """

    out: int

    def __init__(self, textbook: Block, fields: Fields, norm: str, layout: Layout) -> None:
        self.skip = textbook.skip
        self.linear = StackedLinear(textbook.layers["linear"], layout)
        self.rest: dict[str, StackedLayer] = {}
        for kind, find, level in (
            ("norm", layers.norm, norm), ("activation", layers.activation, fields.activation),
        ):  # fmt: skip
            if kind in textbook.layers:
                form = getattr(find(level), "Stacked", Memberwise)
                self.rest[kind] = form(textbook.layers[kind], self.linear.units, layout)

    @property
    def layers(self) -> dict[str, Any]:
        """All layers, by kind."""
        return {"linear": self.linear, **self.rest}

    def forward(self, program: Program, source: int) -> int:
        """The block's output in training mode."""
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
        both = program.signal(self.linear.units)
        program.add(add_signals, self.linear.units, source, out, both)
        return both

    def backward(self, program: Program, gradient: int, out: int) -> None:
        """Write the input's gradient to `out`; the output's is overwritten."""
        if self.skip:
            before = program.signal(self.linear.units)
            program.add(copy, self.linear.units, gradient, before)
        for layer in reversed(self.rest.values()):
            layer.backward(program, gradient)
        self.linear.backward(program, gradient, out)
        if self.skip:
            program.add(add_signals, self.linear.fan_in, before, out, out)


class Step:
    """A network's training step: three programs, and the memory that they work in.

    The first computes the loss and the gradients, except those of the linear layers' weights, of
    which it keeps the two factors. The second subtracts all gradients from the parameters, and the
    third updates buffers such as running statistics.

    Args:
        network: the stack's layers.

    Attributes:
        codes: of the three programs.
        observed: code of the first, which keeps `d_outputs` too.
        z: the memory of a step.
        x: a minibatch: contexts, then targets.
        outputs: the hidden layers' outputs without skip connections, views of z, (H, B).
        d_outputs: the loss's gradients by the hidden blocks' outputs, likewise.
    """

    def __init__(self, network: "StackedMLP") -> None:
        fields, blocks = network.fields, (*network.hidden, network.output)
        gradient, update, buffers = (Program(fields.batch, network.dtype) for _ in range(3))
        self._programs = gradient, update, buffers  # they keep Python functions alive
        signal = network.embedding.forward(gradient)
        for block in blocks:
            signal = block.forward(gradient, signal)
        # Every block reads the gradient by its output here, and writes that by its input there.
        widest = max(network.embedding.units, *(block.linear.units for block in blocks))
        here, there = gradient.signal(widest), gradient.signal(widest)
        targets = fields.batch * fields.context  # where they begin in the minibatch
        gradient.add(cross_entropy, network.vocabulary, signal, here, targets)
        kept = []
        for block in reversed(blocks):
            if block is not network.output:
                kept.append(gradient.signal(block.linear.units))
                gradient.add(copy, block.linear.units, here, kept[-1], observing=True)
            block.backward(gradient, here, there)
            here, there = there, here
        network.embedding.backward(gradient, here)
        for _, layer in network.named_layers():
            layer.update(update)
            if hasattr(layer, "update_buffers"):
                layer.update_buffers(buffers)
        self.codes = gradient.code(), update.code(), buffers.code()
        self.observed = gradient.code(observing=True)
        self.z = aligned_zeros((gradient.size,), network.dtype)
        self.x = np.zeros(fields.batch * (fields.context + 1), np.int64)

        def view(place: int, units: int) -> Array:
            whole = self.z[place : place + units * gradient.batch]
            return whole.reshape(units, gradient.batch)[:, : fields.batch]

        self.outputs = [view(block.out, block.linear.units) for block in network.hidden]
        self.d_outputs = [
            view(place, block.linear.units)
            for place, block in zip(reversed(kept), network.hidden, strict=True)
        ]


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
        s: scalars of the step under way.
        places: of each tensor in a member's parameters, by name.
        trained: names of those that are trained.
        spans: where these begin and end in a member's parameters (n, 2).
        step: the programs of a training step, and their memory.
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
        self.step = Step(self)
        self._evaluations: dict[int, Evaluation] = {}

    def _layers(self, first: MLP) -> tuple[StackedEmbedding, list[StackedBlock], StackedBlock, int]:
        """The layers of all members, and how many numbers their parameters take."""
        layout, f = Layout(), self.fields
        embedding = StackedEmbedding(first.embedding, f.context, layout)
        hidden = [StackedBlock(block, f, f.norm, layout) for block in first.hidden]
        output = StackedBlock(first.output, f, f.output_norm, layout)
        return embedding, hidden, output, layout.size

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
                self.step.codes, self.spans, self.p[k], self.g, self.v[k], self.momentum[k],
                self.decay[k], self.step.z, self.step.x, self.s, contexts, targets, rows, rates,
                losses, taken,
            )  # fmt: skip
            self._raise_errors()
            if taken == len(rows) or not self._collect():
                return losses, taken
            self.apply(k, rates[taken])
            taken += 1

    def gradient(self, k: int, contexts: Array, targets: Array) -> tuple[float, bool]:
        """Compute a member's gradients for a minibatch, (B, context) and (B,), without an update.

        `g`, and the outputs and gradients of `step`, hold what was computed until the next step of
        any member.

        Returns:
            The loss, nats, and whether it and all gradients are finite.
        """
        x = self.step.x
        x[: contexts.size], x[contexts.size :] = contexts.reshape(-1), targets
        self.s[ENERGY] = 0
        run(self.step.observed, self.p[k], self.step.z, x, self.s)
        self._raise_errors()
        return float(self.s[LOSS]), self._collect()

    def _collect(self) -> bool:
        """Write the gradients of the last step to `g`; whether they and the loss are finite."""
        collect(self.step.codes[1], self.g, self.step.z, self.step.x, self.s)
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
        run(self.step.codes[2], self.p[k], self.step.z, self.step.x, self.s)
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
