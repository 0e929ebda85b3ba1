"""Runs of a user's loop in training: each is a generator, asked for one step after the other."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.subjects.loop.run import LoopRun, from_arrays, to_arrays
from harness.subjects.subject import Outcome, RunFields, Series, State, Steps
from harness.subjects.user_fields import own_fields
from harness.subjects.user_file import UserFile


class LoopMember:
    """One run: the loop's generator, and what it has yielded.

    Attributes:
        step: of what was yielded last; -1 before the first.
        yielded: with it, by name.
        latest: the latest value of each metric.
    """

    def __init__(
        self,
        file: UserFile,
        metrics: Sequence[str],
        fields: RunFields,
        seed: int,
        state: State | None = None,
    ) -> None:
        kept = from_arrays(state or {})
        own, saved = own_fields(file, fields), kept.get("saved")
        self.file, self.known = file, {"loss", *metrics}
        self.run = LoopRun(own, seed, fields.steps, fields.batch, saved)
        self.latest: dict[str, float] = kept.get("latest", {})
        self.yielded: dict[str, float] = {}
        self.step, self._resumed = -1, saved is not None
        started = file.call("train(run)", lambda: file.module.train(self.run))
        if not isinstance(started, Iterator):
            raise file.refuse(
                "train(run) must be a generator",
                type(started).__name__,
                "Yield step, {'loss': ...} at every step.",
            )
        self._loop = started

    def advance(self, step: int) -> float:
        """Train up to a step, unless it is there already; returns the loss of that step.

        A loop that was restored at an earlier step, or not at all, trains the steps between again.
        """
        while self.step < step:
            self.next()
        if self.step > step:
            raise self.file.refuse(
                "train(run) must yield every step",
                f"step {self.step} where {step} was due",
                "After run.restore(), continue from the saved step.",
            )
        return self.yielded.get("loss", float("nan"))

    def state(self) -> State:
        """What the loop saved last, if it did, and the latest metrics."""
        return to_arrays({"saved": self.run.restore(), "latest": self.latest})

    def next(self) -> None:
        """Ask the loop for its next step.

        Raises:
            UserError: it fails, has ended, or yields something else than the contract says.
        """
        ended = object()
        found: Any = self.file.call("train(run)", lambda: next(self._loop, ended))
        if found is ended:
            due = self.run.steps
            raise self.file.refuse(
                f"train(run) must yield every step up to run.steps - 1, then {due}, final metrics",
                f"an end after step {self.step}",
                "Yield run.steps, {...} after the loop.",
            )
        whole = isinstance(found, tuple) and len(found) == 2 and isinstance(found[1], dict)
        if not whole or isinstance(found[0], bool) or not isinstance(found[0], int | np.integer):
            raise self.file.refuse(
                "train(run) must yield a step and a dictionary of metrics",
                repr(found)[:60],
                "Write: yield step, {'loss': loss}.",
            )
        last, self.step = self.step, int(found[0])
        if last >= 0:
            due = self.step == last + 1
        else:
            due = 0 <= self.step <= self.run.steps if self._resumed else self.step == 0
        if not due:
            raise self.file.refuse(
                "train(run) must yield every step in order, from 0 on",
                f"step {self.step}" + (f" after {last}" if last >= 0 else " first"),
                "Yield step, {...} once per step.",
            )
        self.yielded = self._metrics(found[1])
        self.latest |= self.yielded

    def _metrics(self, found: Mapping[Any, Any]) -> dict[str, float]:
        """The metrics of a step as numbers.

        Raises:
            UserError: one is unknown, no number, or missing.
        """
        values = {str(name): self._number(str(name), value) for name, value in found.items()}
        if self.step < self.run.steps and "loss" not in values:
            raise self.file.refuse(
                "train(run) must yield a loss at every step",
                f"{', '.join(values) or 'nothing'} at step {self.step}",
                "Add 'loss'; it shows whether a run diverges.",
            )
        missing = sorted(self.known - {"loss"} - values.keys())
        if self.step >= self.run.steps and missing:
            raise self.file.refuse(
                "train(run) must yield every metric of METRICS at the end",
                f"no {', '.join(missing)}",
                f"Yield run.steps, {{'{missing[0]}': ...}} after the loop.",
            )
        return values

    def _number(self, name: str, value: Any) -> float:
        if name not in self.known:
            raise self.file.refuse(
                "METRICS must name every metric that train(run) yields",
                f"'{name}'",
                f"Add '{name}': {{}} to METRICS.",
            )
        return self.file.call(f"the value of '{name}'", lambda: float(value))


class LoopMembers:
    """Members trained one after the other; see `harness.subjects.subject.Members`."""

    at_once = 1

    def __init__(
        self,
        file: UserFile,
        metrics: Sequence[str],
        fields: Sequence[RunFields],
        seeds: Sequence[int],
        states: Sequence[State] | None,
    ) -> None:
        kept: Sequence[State | None] = [None] * len(seeds) if states is None else states
        self.steps, self.metrics = fields[0].steps, metrics
        self.members = [
            LoopMember(file, metrics, f, seed, state)
            for f, seed, state in zip(fields, seeds, kept, strict=True)
        ]

    def advance(self, step: int, rows: npt.NDArray[np.int64], probe: bool) -> Steps:  # noqa: ARG002
        """As `Members` says."""
        loss = np.array([member.advance(step) for member in self.members])
        measured = list(self._series("train/")) if probe else []
        return Steps(loss[None], np.isfinite(loss).astype(np.int64), measured)

    def _series(self, prefix: str) -> Iterator[Series]:
        """The latest value of every metric; NaN, which no trace shows, of a member without one."""
        for name in self.metrics:
            if name != "loss":
                values = [member.latest.get(name, float("nan")) for member in self.members]
                yield Series(f"{prefix}{name}", np.array(values))

    def evaluate(self, step: int) -> Iterable[Series]:
        """The final metrics, after the last step."""
        if step < self.steps:
            return
        for member in self.members:
            member.advance(step)
        for name in self.metrics:
            values = [member.yielded.get(name, float("nan")) for member in self.members]
            yield Series(f"final_{name}", np.array(values))

    def keep(self, members: Sequence[int]) -> None:
        """As `Members` says."""
        self.members = [self.members[k] for k in members]

    def state(self, member: int) -> State:
        """As `Members` says; a loop that never saved anything starts anew."""
        return self.members[member].state()

    def files(self, member: int, outcome: Outcome) -> Mapping[str, bytes]:  # noqa: ARG002
        """Nothing: what a loop keeps is its own."""
        return {}
