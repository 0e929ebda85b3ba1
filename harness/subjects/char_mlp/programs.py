"""The programs that members of a stack go through: a training step, and evaluation.

What members share is these programs' compiled code and memory.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from harness.subjects.char_mlp import layers
from harness.subjects.char_mlp.fields import Fields
from harness.subjects.char_mlp.layers.embedding import StackedEmbedding
from harness.subjects.char_mlp.layers.forms import StackedLayer
from harness.subjects.char_mlp.layers.linear import StackedLinear
from harness.subjects.char_mlp.layers.loss import cross_entropy
from harness.subjects.char_mlp.layers.memberwise import Memberwise
from harness.subjects.char_mlp.layers.parts import Array, Program, padded
from harness.subjects.char_mlp.layers.signals import add_signals, copy
from harness.subjects.char_mlp.layers.state import Layout, Place
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


class StackedNetwork:
    """The layers of networks of equal shape, for programs that any member goes through.

    Args:
        textbook: the network of any member.
        fields: of its run.

    Attributes:
        fields, vocabulary, dtype: fields of the run, number of characters, type of all numbers.
        embedding, hidden, output: the layers.
        size: numbers that the parameters of a member take.
        places: of each tensor among them, by name.
    """

    def __init__(self, textbook: MLP, fields: Fields) -> None:
        layout, self.fields = Layout(), fields
        self.vocabulary = len(textbook.embedding.weight)
        self.dtype = textbook.embedding.weight.numpy().dtype
        self.embedding = StackedEmbedding(textbook.embedding, fields.context, layout)
        self.hidden = [StackedBlock(one, fields, fields.norm, layout) for one in textbook.hidden]
        self.output = StackedBlock(textbook.output, fields, fields.output_norm, layout)
        self.size = padded(layout.size)
        self.places: dict[str, Place] = {
            f"{name}.{attribute}": place
            for name, layer in self.named_layers()
            for attribute, place in layer.places.items()
        }

    def named_layers(self) -> Iterator[tuple[str, Any]]:
        """Every layer with its name; the names are those of `MLP.named_layers`."""
        yield "embedding", self.embedding
        for number, block in enumerate(self.hidden, start=1):
            for name, layer in block.layers.items():
                yield f"hidden.{number}.{name}", layer
        for name, layer in self.output.layers.items():
            yield f"output.{name}", layer


class Step:
    """A network's training step: three programs, and the memory that they work in.

    The first computes the loss and the gradients, except those of the linear layers' weights, of
    which it keeps the two factors. The second subtracts all gradients from the parameters, and the
    third updates buffers such as running statistics.

    Args:
        network: whose step it is.

    Attributes:
        codes: of the three programs.
        observed: code of the first, which keeps `d_outputs` too.
        z: the memory of a step.
        x: a minibatch: contexts, then targets.
        outputs: the hidden layers' outputs without skip connections, views of z, (H, B).
        d_outputs: the loss's gradients by the hidden blocks' outputs, likewise.
    """

    def __init__(self, network: StackedNetwork) -> None:
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
        network: which is evaluated.
        contexts: of a block.

    Attributes:
        code: of the program.
        x: the contexts.
        z: memory, in which the signals lie as (units, batch), a column a context.
        batch: contexts of a block, padded.
        hidden: where the outputs of each hidden layer begin, without skip connections.
        logits: where the logits begin.
    """

    def __init__(self, network: StackedNetwork, contexts: int) -> None:
        program = Program(contexts, network.dtype)
        self.batch = program.batch
        signal, self.hidden = network.embedding.evaluate(program), []
        for block in network.hidden:
            out, signal = block.evaluate(program, signal)
            self.hidden.append(out)
        self.logits, _ = network.output.evaluate(program, signal)
        self._program = program  # it keeps Python functions alive
        self.code = program.code()
        self.z = aligned_zeros((program.size,), network.dtype)
        self.x = np.zeros(program.batch * network.fields.context, np.int64)


def aligned_zeros(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Zeros whose rows begin on cache lines, if a row takes whole ones."""
    line = CACHE_LINE // dtype.itemsize
    count = int(np.prod(shape))
    memory = np.zeros(count + line, dtype)
    start = -(memory.ctypes.data // dtype.itemsize) % line
    return memory[start : start + count].reshape(shape)
