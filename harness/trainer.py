"""The one trainer: a cohort in, records and results out, whatever runs it and wherever."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from dataclasses import fields as dataclass_fields
from typing import Any

import numpy as np
import torch
from safetensors.torch import load, save
from torch import Tensor

from harness.corpus import Corpus
from harness.curves import record_at
from harness.diagnostics import Probe
from harness.evaluation import Contexts, Look, split_loss
from harness.history import SPLITS, Array, History, schedule
from harness.minibatches import Minibatches
from harness.network import MLP
from harness.plan import Cohort, Run
from harness.records import Checkpoint, Event, Record, Result, unpack
from harness.sampling import sample
from harness.stack import Stack
from harness.streams import stream

SAMPLES = 20  # names sampled from every trained network
PULSE = 50  # steps between two looks at whether a checkpoint is wanted


def train(
    cohort: Cohort, corpus: Corpus, resume: Checkpoint | None = None,
    wanted: Callable[[], bool] = lambda: False,
) -> Iterator[Event]:  # fmt: skip
    """Train a cohort to its end, yielding what is measured on the way.

    On one machine type and set of versions every number yielded for a run is the same to the last
    bit, whatever else is in the cohort, and wherever it was interrupted and resumed.

    Args:
        cohort: the runs, of equal shape.
        corpus: what they are trained on.
        resume: the state to go on from, of these runs or more.
        wanted: asked every so many steps; a checkpoint is yielded when it says so.

    Yields:
        Records as they are measured, checkpoints when wanted, one result for each run.
    """
    torch.set_num_threads(1)  # one core a worker; other thread counts round differently
    with torch.no_grad():
        training = Training(cohort.runs, corpus)
        if resume is not None:
            training.restore(resume)
        while training.members and training.step < cohort.fields.steps:
            yield from training.advance()
            if training.members and training.step % PULSE == 0 and training.step and wanted():
                yield training.checkpoint()
        yield from training.finish()


@dataclass
class Member:
    """One run in training.

    Attributes:
        run: what is trained.
        history: what was measured so far.
        window_loss, probe_loss: sums of the losses since the last window's end and probe, nats.
    """

    run: Run
    history: History
    window_loss: float = 0.0
    probe_loss: float = 0.0


class Training:
    """A cohort in training: the stack, what was measured, and the place in the schedule."""

    def __init__(self, runs: Sequence[Run], corpus: Corpus) -> None:
        self.fields, self.corpus = runs[0].fields, corpus
        self.schedule = schedule(self.fields.steps)
        self.probes = {step: place for place, step in enumerate(self.schedule.probes)}
        self.evaluations = {step: place for place, step in enumerate(self.schedule.evaluations)}
        self.splits = corpus.splits(self.fields.context, self.fields.train_words)
        self.x, self.y = self.splits.train.X.numpy(), self.splits.train.Y.numpy()
        self.dev = Contexts.of(self.splits.dev)
        self.step = 0
        self.seconds = 0.0
        self.assemble(
            [Member(run, History.empty(self.fields.steps, self.fields.depth)) for run in runs],
            [MLP.initial(run.fields, run.seed, corpus.vocabulary) for run in runs],
        )

    def assemble(self, members: list[Member], networks: list[MLP]) -> None:
        """Stack these members, each with its network."""
        self.members = members
        if not members:
            return
        self.stack = Stack(networks, self.fields)
        seeds = [member.run.seed for member in members]
        self.minibatches = Minibatches(seeds, len(self.x), self.fields.batch)
        self.lr = np.array([member.run.fields.lr_at(self.step) for member in members])
        self.drops = {member.run.fields.drop_step for member in members}

    def advance(self) -> Iterator[Event]:
        """One step of every member; yields what was measured on it."""
        began = time.perf_counter()
        probe = self._gradient()
        sound = self.stack.sound()
        if not sound.all():
            yield from self._freeze(sound)
            return
        self._follow_loss()
        if probe is not None:
            probe.finish()
            self._keep(probe)
        self.stack.update()
        self.step += 1
        if self.step in self.evaluations:
            self._evaluate()
        self.seconds += (time.perf_counter() - began) / len(self.members)
        yield from self._records()

    def _gradient(self) -> Probe | None:
        if self.step in self.drops:
            self.lr = np.array([member.run.fields.lr_at(self.step) for member in self.members])
        probe = None
        if self.step in self.probes:
            ends = self.step in (0, self.fields.steps - 1)
            probe = Probe(self.stack, self.lr, histograms=ends)
        rows = self.minibatches.at(self.step)  # (K, B)
        observe = probe.observe if probe else None
        self.stack.gradient(self.x[rows], self.y[rows], self.lr, observe)
        return probe

    def _follow_loss(self) -> None:
        window, offset = divmod(self.step, self.schedule.window)
        ends = offset + 1 == self.schedule.window or self.step + 1 == self.fields.steps
        for member, loss in zip(self.members, self.stack.loss.tolist(), strict=True):
            member.probe_loss += loss
            member.window_loss += loss
            if ends:
                member.history.loss[window] = member.window_loss / (offset + 1)
                member.window_loss = 0.0

    def _keep(self, probe: Probe) -> None:
        place = self.probes[self.step]
        since = self.step - (self.schedule.probes[place - 1] if place else -1)
        for k, member in enumerate(self.members):
            history = member.history
            history.curve_loss[place] = member.probe_loss / since
            member.probe_loss = 0.0
            history.layers[place] = probe.layers[k]
            history.update_data[place] = probe.update_data[k]
            for end in [
                end for end, at in enumerate((0, self.fields.steps - 1)) if at == self.step
            ]:
                for number in range(self.fields.depth):
                    (history.activation_histogram[end, number],
                     history.gradient_histogram[end, number],
                     history.gradient_range[end, number]) = probe.histogram(k, number)  # fmt: skip

    def _evaluate(self) -> None:
        place, dev = self.evaluations[self.step], SPLITS.index("dev")
        if self.step < self.fields.steps:
            for member, (loss,) in zip(self.members, split_loss(self.stack, self.dev), strict=True):
                member.history.dev_loss[place] = loss
            return
        look = Look(self.stack, dev)
        every = Contexts.of(*(getattr(self.splits, name) for name in SPLITS))
        losses, table = split_loss(self.stack, every, look), look.table()
        for k, member in enumerate(self.members):
            member.history.dev_loss[place] = losses[k, dev]
            member.history.final_loss[:] = losses[k]
            member.history.final_layers[:] = table[k]

    def _records(self) -> Iterator[Record]:
        if self.step - 1 in self.probes or self.step in self.evaluations:
            for member in self.members:
                yield from record_at(member.run.key, member.history, self.step)

    def _freeze(self, sound: Array) -> Iterator[Result]:
        """Take the members that are no longer finite out of the stack, before their update.

        The step is then taken anew by the rest, which come to the same numbers again.
        """
        facts = [{"diverged_step": self.step,
                  "diverged_cause": "gradient" if np.isfinite(loss) else "loss"}
                 for loss in self.stack.loss]  # fmt: skip
        for k in np.flatnonzero(np.logical_not(sound)):
            yield self._result(int(k), "diverged", [], facts[k])
        kept = [int(k) for k in np.flatnonzero(sound)]
        self.assemble([self.members[k] for k in kept], [self._network(k) for k in kept])

    def finish(self) -> Iterator[Result]:
        """One result for each member that has come to its end."""
        for k, member in enumerate(self.members):
            names = sample(
                self._network(k), self.corpus.alphabet, self.fields.context, SAMPLES,
                stream(member.run.seed, "samples"),
            )  # fmt: skip
            yield self._result(k, "finished", names, {})

    def _network(self, k: int) -> MLP:
        fields = self.members[k].run.fields
        return MLP.restored(fields, self.corpus.vocabulary, self.stack.member_state(k))

    def _result(self, k: int, outcome: Any, samples: list[str], facts: dict[str, Any]) -> Result:
        member, steps = self.members[k], min(self.step + 1, self.fields.steps)
        return Result(
            key=member.run.key, outcome=outcome, history=member.history, samples=samples,
            weights={name: t.numpy() for name, t in self.stack.member_state(k).items()},
            facts={"minibatches": self.minibatches.digest(k, steps),
                   "seconds": self.seconds, **facts},
        )  # fmt: skip

    def checkpoint(self) -> Checkpoint:
        """The whole state after the last step."""
        tensors = {
            f"stack/{name}": tensor.contiguous() for name, tensor in self.stack.state().items()
        }
        for f in dataclass_fields(History):
            if f.name != "steps":
                stacked = np.stack([getattr(m.history, f.name) for m in self.members])
                tensors[f"history/{f.name}"] = torch.from_numpy(stacked)
        for name in ("window_loss", "probe_loss"):
            values = [getattr(m, name) for m in self.members]
            tensors[name] = torch.tensor(values, dtype=torch.float64)
        keys = tuple(member.run.key for member in self.members)
        rest = json.dumps({"keys": keys, "step": self.step, "seconds": self.seconds})
        return Checkpoint(keys, self.step, save(tensors, metadata={"checkpoint": rest}))

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go on where a checkpoint was taken; members that are not in it are an error.

        Raises:
            ValueError: the checkpoint is damaged, or of other runs.
        """
        _, rest = unpack(checkpoint.payload, "checkpoint")
        tensors = load(checkpoint.payload)
        places = {key: place for place, key in enumerate(rest["keys"])}
        missing = [member.run.key for member in self.members if member.run.key not in places]
        if missing:
            raise ValueError(f"the checkpoint lacks {len(missing)} of the cohort's runs")
        self.step, self.seconds = rest["step"], rest["seconds"]
        networks = []
        for member in self.members:
            place = places[member.run.key]
            state = {name.removeprefix("stack/"): tensor[place]
                     for name, tensor in tensors.items() if name.startswith("stack/")}  # fmt: skip
            networks.append(MLP.restored(member.run.fields, self.corpus.vocabulary, state))
            self._recall(member, tensors, place)
        self.assemble(self.members, networks)

    def _recall(self, member: Member, tensors: dict[str, Tensor], place: int) -> None:
        for f in dataclass_fields(History):
            if f.name != "steps":
                setattr(member.history, f.name, tensors[f"history/{f.name}"][place].numpy().copy())
        member.window_loss = float(tensors["window_loss"][place])
        member.probe_loss = float(tensors["probe_loss"][place])
