"""The one trainer: a stack in, records and results out, whatever runs it and wherever.

`Training.advance` takes some steps of a stack, from top to bottom.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.study.plan import Run, Stack
from harness.subjects.subject import Data, Outcome, Series, State, Steps, Subject
from harness.subjects.trace import Trace
from harness.training.minibatches import Minibatches
from harness.training.records import Checkpoint, Event, Record, Result, pack, unpack
from harness.training.schedule import schedule

CHECK_EVERY = 50  # steps between two checks whether a checkpoint is wanted


def now() -> int:
    """The time, ms since 1970."""
    return int(time.time() * 1000)


def train(
    stack: Stack,
    subject: Subject,
    data: Data,
    resume: Checkpoint | None = None,
    checkpoint_wanted: Callable[[], bool] = lambda: False,
) -> Iterator[Event]:
    """Train a stack to its end, yielding what is measured on the way.

    Every number yielded for a run is the same to the last bit, whatever else is in the stack, and
    wherever it was interrupted and resumed: of `char_mlp` on every processor, of other subjects on
    one machine type with one set of versions.

    Args:
        stack: the runs, of equal shape.
        subject: what they are.
        data: what they are trained on.
        resume: the state to continue from, of these runs or more.
        checkpoint_wanted: called every `CHECK_EVERY` steps; a checkpoint follows if it is true.

    Yields:
        Records as they are measured, checkpoints when wanted, one result for each run.
    """
    training = Training(stack.runs, subject, data, resume)
    while training.active and training.step < training.steps:
        yield from training.advance()
        pausing = training.active and training.step % CHECK_EVERY == 0
        if pausing and checkpoint_wanted():
            yield training.checkpoint()
    yield from training.finish()


@dataclass
class Active:
    """One run in training.

    Attributes:
        run: what is trained.
        trace: what was measured so far.
        window_loss, probe_loss: sums of the losses since the last window's end and probe.
    """

    run: Run
    trace: Trace
    window_loss: float = 0.0
    probe_loss: float = 0.0


class Training:
    """A stack in training: its members, what was measured of each, and the place in the schedule.

    Attributes:
        active: the runs that are still in training, in the order of the members.
        step: steps finished.
    """

    def __init__(
        self, runs: Sequence[Run], subject: Subject, data: Data, resume: Checkpoint | None = None
    ) -> None:
        fields = runs[0].fields
        self.steps, self.batch = fields.steps, fields.batch
        self.data = data
        self.schedule = schedule(self.steps)
        self.step = self.last_probe = 0
        self.seconds, self.began = 0.0, 0
        self.active = [Active(run, Trace(self.steps)) for run in runs]
        states = None if resume is None else self._restore(resume)
        seeds = [run.seed for run in runs]
        self.members = subject.start([run.fields for run in runs], seeds, data, states)
        self.began = self.began or now()
        self.minibatches = self._minibatches()

    def advance(self) -> Iterator[Event]:
        """Some steps of every member; yields what was measured on the way.

        A step that is probed is taken by itself; an evaluation follows the last one.
        """
        here = self.step
        probe = here in self.schedule.probes
        with self._timed():
            rows = self.minibatches.between(here, here + (1 if probe else self._ahead()))
            taken = self.members.advance(here, rows, probe)
            probed = self._trace_steps(taken, probe)
        self.step += len(rows)
        yield from self._freeze(here, taken)
        if not self.active:
            return
        evaluated = []
        if self.step in self.schedule.evaluations:
            with self._timed():
                evaluated = self._trace(self.step, self.members.evaluate(self.step))
        if probe:
            self.last_probe = self.step
            yield from self._records(here, [*probed, "train/loss"])
        if evaluated:
            yield from self._records(self.step, evaluated)

    @contextmanager
    def _timed(self) -> Iterator[None]:
        """Within the block, time counts as that of the runs in training, in equal shares."""
        began = time.perf_counter()
        yield
        self.seconds += (time.perf_counter() - began) / len(self.active)

    def _minibatches(self) -> Minibatches:
        """Those of the runs in training, from the first step on."""
        runs = [member.run for member in self.active]
        examples = [self.data.examples(run.fields, run.seed) for run in runs]
        return Minibatches([run.seed for run in runs], examples, self.batch)

    def _ahead(self) -> int:
        """How many steps may be taken at once from here on, none of them probed."""
        if self.members.at_once == 1:
            return 1
        due = self.step - self.step % CHECK_EVERY + CHECK_EVERY
        for other in (*self.schedule.probes, *self.schedule.evaluations, self.steps):
            if self.step < other < due:
                due = other
        return min(self.members.at_once, due - self.step)

    def _trace_steps(self, taken: Steps, probe: bool) -> list[str]:
        """Add to the traces the losses of the steps that members took, and what a probe found.

        Minibatch losses are averaged over windows of steps, and since the last probe.

        Returns:
            The names of the curves among what a probe found.
        """
        steps = range(self.step, self.step + len(taken.loss))
        windows = [self.schedule.window_end(step, self.steps) for step in steps]
        for member, losses, count in zip(
            self.active, taken.loss.T.tolist(), taken.taken.tolist(), strict=True
        ):
            for step, window, loss in zip(steps[:count], windows, losses, strict=False):
                member.window_loss += loss
                member.probe_loss += loss
                if window:
                    member.trace.add("loss", step, member.window_loss / window)
                    member.window_loss = 0.0
            if probe and count:
                since = self.step + 1 - self.last_probe
                member.trace.add("train/loss", self.step, member.probe_loss / since)
                member.probe_loss = 0.0
        return self._trace(self.step, taken.measured, taken.taken > 0)

    def _trace(
        self, step: int, measured: Iterable[Series], of: npt.NDArray[np.bool_] | None = None
    ) -> list[str]:
        """Add what was measured to the members' traces.

        Args:
            step: it belongs to.
            measured: of all members.
            of: which members it counts for (K,); None for all.

        Returns:
            The names of the curves.
        """
        curves = []
        counts = [True] * len(self.active) if of is None else of.tolist()
        for series in measured:
            for member, values, counted in zip(self.active, series.values, counts, strict=True):
                if counted:
                    member.trace.add(series.name, step, values, series.first_layer, series.names)
            if "/" in series.name:
                curves.append(series.name)
        return curves

    def _records(self, step: int, curves: Sequence[str]) -> Iterator[Record]:
        """The curves of every member at a step."""
        for member in self.active:
            points = {name: float(member.trace.at(name, step)) for name in curves}
            finite = {name: value for name, value in points.items() if np.isfinite(value)}
            if finite:
                yield Record(member.run.key, step, finite, self.began)

    def _freeze(self, first: int, taken: Steps) -> Iterator[Result]:
        """End the members that did not take all steps: something was no longer finite."""
        whole = taken.taken == len(taken.loss)
        if whole.all():
            return
        for k in np.flatnonzero(~whole).tolist():
            last = int(taken.taken[k])
            cause = "gradient" if np.isfinite(taken.loss[last, k]) else "loss"
            facts = {"diverged_step": first + last, "diverged_cause": cause}
            yield self._result(k, "diverged", facts)
        kept = np.flatnonzero(whole).tolist()
        self.active = [self.active[k] for k in kept]
        if kept:
            self.members.keep(kept)
            self.minibatches = self._minibatches()

    def finish(self) -> Iterator[Result]:
        """One result for each member that has reached its last step."""
        for k in range(len(self.active)):
            yield self._result(k, "finished", {})

    def _result(self, k: int, outcome: Outcome, facts: dict[str, Any]) -> Result:
        member, seen = self.active[k], min(self.step, self.steps)
        order = self.minibatches.digest(k, seen)
        return Result(
            key=member.run.key,
            outcome=outcome,
            trace=member.trace,
            files=dict(self.members.files(k, outcome)),
            facts={"minibatches": order, "seconds": self.seconds, **facts},
            began=self.began,
            ended=now(),
        )

    def checkpoint(self) -> Checkpoint:
        """The whole state after the last step."""
        arrays: dict[str, Any] = {}
        series = []
        for k, member in enumerate(self.active):
            texts, trace = member.trace.to_arrays()
            series.append(texts)
            arrays |= {f"{k}/trace/{name}": array for name, array in trace.items()}
            arrays |= {f"{k}/state/{name}": a for name, a in self.members.state(k).items()}
            arrays[f"{k}/losses"] = np.array([member.window_loss, member.probe_loss])
        keys = tuple(member.run.key for member in self.active)
        rest = {"keys": keys, "step": self.step, "last_probe": self.last_probe,
                "seconds": self.seconds, "began": self.began, "series": series}  # fmt: skip
        return Checkpoint(keys, self.step, pack(arrays, "checkpoint", rest))

    def _restore(self, checkpoint: Checkpoint) -> list[State]:
        """Take over what a checkpoint holds of the runs; returns the members' states.

        Raises:
            ValueError: the checkpoint is damaged, or lacks some of the runs.
        """
        arrays, rest = unpack(checkpoint.payload, "checkpoint")
        places = {key: place for place, key in enumerate(rest["keys"])}
        missing = [member.run.key for member in self.active if member.run.key not in places]
        if missing:
            raise ValueError(f"the checkpoint lacks {len(missing)} of the stack's runs")
        self.step, self.last_probe = rest["step"], rest["last_probe"]
        self.seconds = rest["seconds"]
        self.began = rest.get("began", 0)  # older checkpoints have none

        def under(folder: str) -> State:
            return {
                name.removeprefix(folder): array
                for name, array in arrays.items()
                if name.startswith(folder)
            }

        states = []
        for member in self.active:
            k = places[member.run.key]
            member.trace = Trace.from_arrays(self.steps, rest["series"][k], under(f"{k}/trace/"))
            member.window_loss, member.probe_loss = arrays[f"{k}/losses"].tolist()
            states.append(under(f"{k}/state/"))
        return states
