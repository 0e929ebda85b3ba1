"""A user's own training loop as a subject.

The file's contract, which stays stable:

- `Fields`: a frozen dataclass of int, float, bool, str or Literal fields, each with a default.
- `METRICS`: {name: {"label", "unit", "direction", "cap"}}: all that the loop yields besides the
  loss; each becomes a response, and the first is the primary one.
- `train(run)`: a generator that yields step, {"loss": ..., ...} at every step from 0, and at the
  end run.steps, {...} with every metric of `METRICS`. See `LoopRun` for what it is given.
- `FILES`: paths of the data that it reads, relative to the file, optional: part of the identity.
- `VERSION`: replaces the hash of the file in a run's identity, optional.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import Field

from harness.subjects.figures import CurveFigure, Figure
from harness.subjects.loop.members import LoopMember, LoopMembers
from harness.subjects.metrics import declared_metrics, final_response
from harness.subjects.subject import Cost, Curve, Members, Response, RunFields, State, Subject
from harness.subjects.user_fields import merged_fields
from harness.subjects.user_file import UserFile, local_files

STEPS = 4  # of a trial
UNKNOWN = 2**31  # examples


class LoopFields(RunFields):
    """What the harness knows of a loop's runs; the file adds its own fields."""

    steps: int = Field(1000, ge=1, le=100_000_000, description="steps trained")


@dataclass(frozen=True)
class LoopData:
    """The files that a loop says it reads; see `harness.subjects.subject.Data`."""

    name: str
    digest: str
    size: str
    notes: tuple[str, ...] = ()

    def examples(self, fields: Any, seed: int) -> int:  # noqa: ARG002
        """Unknown: the loop draws its own minibatches, by `LoopRun.rows` or otherwise."""
        return UNKNOWN

    def facts(self, fields: Any) -> dict[str, str | float]:  # noqa: ARG002
        """Name and digest."""
        return {"name": self.name, "digest": self.digest}


class LoopSubject(Subject):
    """What a user's file with a training loop defines; see `harness.subjects.subject.Subject`.

    Args:
        file: with `METRICS` and `train`.
    """

    has_data = True

    def __init__(self, file: UserFile) -> None:
        self.file = file
        self.name, self.version = file.name, file.version
        self.Fields: type[RunFields] = merged_fields(file, LoopFields)
        self.metrics = declared_metrics(file)
        if not self.metrics:
            raise file.refuse(
                "METRICS must name what the loop measures at its end",
                "none",
                'Write {"dev_loss": {}} and yield it after the last step.',
            )
        self.primary = f"final/{next(iter(self.metrics))}"
        self.headline = [f"final/{name}" for name in self.metrics]

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled by its path: other processes import the file themselves."""
        from harness.subjects import find_subject

        return find_subject, (str(self.file.path),)

    @cached_property
    def responses(self) -> Mapping[str, Response]:  # type: ignore[override]
        """Every metric at the end, and the loss at first and last."""
        found = [
            *(final_response(name, f"final_{name}", name, declared)
              for name, declared in self.metrics.items()),
            Response("last/batch_loss", "last loss", "mean of the last steps",
                     lambda run: float(run.at("loss", run.steps - 1))),
            Response("init/loss", "initial loss", "of the first step",
                     lambda run: float(run.at("train/loss", 0))),
        ]  # fmt: skip
        return {response.name: response for response in found}

    @cached_property
    def curves(self) -> Mapping[str, Curve]:  # type: ignore[override]
        """The loss, and whatever metrics the loop yields on the way."""
        others = {f"train/{name}": Curve(str(declared.get("label", name)))
                  for name, declared in self.metrics.items() if name != "loss"}  # fmt: skip
        return {"train/loss": Curve("loss", charted=True), **others}

    @property
    def figures(self) -> Sequence[Figure]:  # type: ignore[override]
        """A figure a curve."""
        return [
            CurveFigure(
                name.replace("/", "_"), "Learning curves", f"{curve.label} while training",
                "What the loop yields, mean over the seeds still training, against the step on a "
                "logarithmic axis.",
                name, log_steps=True,
            )
            for name, curve in self.curves.items()
        ]  # fmt: skip

    def load(self, source: str | None, folder: Path) -> LoopData:  # noqa: ARG002 - has its own
        """The files that the loop says it reads.

        Raises:
            UserError: one is not there, or other data are named: a loop's data are its own.
        """
        if source is not None:
            raise self.file.refuse(
                "the loop itself must read its data",
                f"data {source!r}",
                "Leave data and --data out, or make the data a field of the file.",
            )
        whole, named = hashlib.sha256(), self.file.get("FILES", ())
        if not isinstance(named, list | tuple) or not all(isinstance(n, str | Path) for n in named):
            raise self.file.refuse(
                "FILES must be a list of paths", repr(named)[:80], 'Write ["points.csv"].'
            )
        names = [str(name) for name in named]
        for name in names:
            try:
                content = (self.file.path.parent / name).read_bytes()
            except OSError as error:
                raise self.file.refuse(
                    "FILES must list files beside it",
                    f"{name!r} ({error.strerror})",
                    "Correct the path.",
                ) from None
            whole.update(hashlib.sha256(content).digest())
        size = ", ".join(names) or "no files named"
        return LoopData(f"data of {self.file.path.name}", whole.hexdigest(), size)

    def code(self, fields: Sequence[Any]) -> Mapping[str, Path]:  # noqa: ARG002 - one file for all
        """The file, and the local modules that it imports."""
        return local_files(self.file.path)

    def cost(self, fields: Any, data: Any) -> Cost:  # noqa: ARG002 - unknown
        """Unknown; a step counts as a million multiplications."""
        return Cost(parameters=0, step=1.0, memory=1, largest_stack=1)

    def start(
        self,
        fields: Sequence[Any],
        seeds: Sequence[int],
        data: Any,  # noqa: ARG002 - the loop reads its own
        states: Sequence[State] | None = None,
    ) -> Members:
        """See `members.LoopMembers`."""
        return LoopMembers(self.file, list(self.metrics), fields, seeds, states)

    def caveats(self, varied: set[str], variants: Sequence[Any]) -> Sequence[str]:  # noqa: ARG002
        """What the harness cannot know of a loop."""
        return [
            "The loop draws its own minibatches: runs of a seed are paired as far as it draws "
            "them from the seed."
        ]

    def check(self, fields: Any, data: Any) -> Iterator[str]:  # noqa: ARG002
        """Run a few steps twice, and again from what the loop saved.

        Raises:
            UserError: the loop yields other numbers, or none.
        """
        short = fields.model_copy(update={"steps": STEPS})
        whole, state = self._trial(short, None)
        again, _ = self._trial(short, None)
        if whole != again:
            raise self.file.refuse(
                "train(run) must yield the same numbers for the same seed",
                "different numbers in the second run",
                "Seed all random numbers from run.seed.",
            )
        yield f"loop: {STEPS} steps give the same numbers twice"
        resumed, _ = self._trial(short, state)
        if resumed != whole[-len(resumed) :]:
            raise self.file.refuse(
                "a loop that continues from run.restore() must yield the same numbers",
                "different numbers after the restored step",
                "Save everything that changes: weights, the optimizer's state, random generators.",
            )
        if len(resumed) == len(whole):
            yield f"loop: nothing is saved in the first {STEPS // 2} steps; resuming was not tried"
        else:
            yield "loop: it goes on from what it saved with the same numbers"

    def _trial(self, fields: Any, state: State | None) -> tuple[list[Any], State]:
        """What the loop yields step by step, and its state half-way.

        Raises:
            UserError: it fails, or what it saves cannot be kept.
        """
        member = LoopMember(self.file, list(self.metrics), fields, 0, state)
        found: list[Any] = []
        half: State = {}
        while member.step < STEPS:
            member.next()
            found.append((member.step, {n: repr(v) for n, v in member.yielded.items()}))  # NaN too
            if member.step == STEPS // 2:
                half = self.file.call("run.save(state)", member.state)
        return found, half
