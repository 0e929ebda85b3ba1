"""Networks of equal shape, trained one after the other through the same programs.

A member takes several steps before the next one takes the same, so that its numbers stay in the
cache. No member's numbers depend on the others.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from harness.subjects.char_mlp.fields import Fields
from harness.subjects.char_mlp.layers.parts import ENERGY, LOSS, SCALARS, STOP, Array
from harness.subjects.char_mlp.layers.steps import collect, drive, run, sgd
from harness.subjects.char_mlp.network import MLP
from harness.subjects.char_mlp.programs import Evaluation, StackedNetwork, Step, aligned_zeros


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
        network: the layers.
        places: of each tensor in a member's parameters, by name.
        trained: names of those that are trained.
        spans: where these begin and end in a member's parameters (n, 2).
        step: the programs of a training step, and their memory.
    """

    def __init__(self, networks: Sequence[MLP], fields: Sequence[Fields]) -> None:
        first, self.fields, self.count = networks[0], fields[0], len(networks)
        self.network = StackedNetwork(first, self.fields)
        self.places = self.network.places
        trained = {id(parameter) for parameter in first.parameters()}
        self.trained = [name for name, t in first.state().items() if id(t) in trained]
        self.spans = np.array([self.places[name].span for name in self.trained])
        self.p = aligned_zeros((self.count, self.network.size), self.network.dtype)
        for name, place in self.places.items():
            place.of(self.p)[:] = np.stack([n.state()[name].detach().numpy() for n in networks])
        self.momentum = [f.momentum for f in fields]
        self.decay = [f.weight_decay for f in fields]
        self.v = np.zeros_like(self.p if any(self.momentum) else self.p[:, :0])
        self.g = np.zeros_like(self.p[0])
        self.s = np.zeros(SCALARS)
        self.step = Step(self.network)
        self._evaluations: dict[int, Evaluation] = {}

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
        self._run(self.step.observed, self.p[k], self.step)
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
        self._run(self.step.codes[2], self.p[k], self.step)

    def evaluate(self, k: int, contexts: Array) -> Evaluation:
        """A member's outputs in eval mode for some contexts (C, context), until the next call."""
        count = len(contexts)
        if count not in self._evaluations:
            self._evaluations[count] = Evaluation(self.network, count)
        found = self._evaluations[count]
        found.x[: contexts.size] = contexts.reshape(-1)
        self._run(found.code, self.p[k], found)
        return found

    def _run(self, code: Array, parameters: Array, memory: Step | Evaluation) -> None:
        """Carry out one of the programs of a step or of an evaluation for a member's parameters."""
        run(code, parameters, memory.z, memory.x, self.s)
        self._raise_errors()

    def _raise_errors(self) -> None:
        """Raise what a layer in Python has raised, since compiled code cannot pass it on."""
        if self.s[STOP]:
            self.s[STOP] = 0
            layers = [layer for _, layer in self.network.named_layers()]
            failed = [layer for layer in layers if getattr(layer, "error", None)]
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
