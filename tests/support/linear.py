"""A second subject, of thirty lines: linear regression by gradient descent, in NumPy alone.

Studies name it as `subject = "tests.support.linear"`. It shows that nothing above the seam knows
the harness's own networks.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from harness.subjects.subject import (
    Cost,
    Curve,
    Facts,
    Outcome,
    Response,
    RunFields,
    Series,
    State,
    Steps,
    Subject,
    stackable,
)  # fmt: skip


class Fields(RunFields):
    """A learning rate, how noisy the data are, and whether there is an intercept."""

    lr: float = stackable(0.1, gt=0)
    intercept: bool = True


@dataclass(frozen=True)
class Line:
    """y = 3 x + 2 with some noise."""

    name: str = "line"
    digest: str = "line-1"
    size: str = "100 points"
    notes: tuple[str, ...] = ()

    def points(self) -> tuple[Any, Any]:
        x = np.linspace(-1, 1, 100)
        return x, 3 * x + 2 + 0.1 * np.sin(50 * x)

    def examples(self, fields: Any, seed: int) -> int:  # noqa: ARG002
        return 100

    def facts(self, fields: Any) -> Facts:  # noqa: ARG002
        return {"name": self.name, "digest": self.digest}


class Lines:
    """Members in training: a slope and an intercept each."""

    def __init__(self, fields: Sequence[Fields], states: Sequence[State] | None) -> None:
        self.fields, (self.x, self.y) = list(fields), Line().points()
        start = [np.zeros(2) for _ in fields] if states is None else [s["w"] for s in states]
        self.w = np.stack(start)  # (K, 2)

    at_once = 1

    def advance(self, step: int, rows: Any, probe: bool) -> Steps:  # noqa: ARG002
        x, y = self.x[rows[0]], self.y[rows[0]]  # (K, B)
        lr = np.array([f.lr for f in self.fields])[:, None]
        trained = np.array([[1.0, f.intercept] for f in self.fields])
        error = self.w[:, :1] * x + self.w[:, 1:] - y
        with np.errstate(over="ignore", invalid="ignore"):
            loss = (error**2).mean(1)
            gradient = np.stack([(error * x).mean(1), error.mean(1)], 1) * 2 * trained
        finite = np.isfinite(loss) & np.isfinite(gradient).all(1)
        self.w = np.where(finite[:, None], self.w - lr * gradient, self.w)
        measured = [Series("diag/slope", self.w[:, 0]), Series("weight", self.w)] if probe else []
        return Steps(loss[None], finite.astype(np.int64), measured)

    def evaluate(self, step: int) -> Iterable[Series]:
        error = self.w[:, :1] * self.x + self.w[:, 1:] - self.y
        loss = (error**2).mean(1)
        yield Series("eval/error", loss)
        if step == self.fields[0].steps:
            yield Series("final_error", loss)

    def keep(self, members: Sequence[int]) -> None:
        self.fields, self.w = [self.fields[k] for k in members], self.w[list(members)]

    def state(self, member: int) -> State:
        return {"w": self.w[member].copy()}

    def files(self, member: int, outcome: Outcome) -> Mapping[str, bytes]:  # noqa: ARG002
        return {"weights.txt": repr(self.w[member].tolist()).encode()}


class Linear(Subject):
    """Linear regression."""

    name = "tests.support.linear"
    version = "1"
    Fields = Fields
    primary = "final/error"
    responses: Mapping[str, Response] = MappingProxyType({
        "final/error": Response("final/error", "squared error", "over all points",
                                lambda run: float(run.last("final_error"))),
        "init/loss": Response("init/loss", "initial loss", "of the first minibatch",
                              lambda run: float(run.at("train/loss", 0))),
    })  # fmt: skip
    headline = ("final/error",)
    curves: Mapping[str, Curve] = MappingProxyType({
        "train/loss": Curve("loss", charted=True), "eval/error": Curve("squared error"),
        "diag/slope": Curve("slope"),
    })  # fmt: skip
    layers = ("weight",)

    def load(self, source: str | None, folder: Path) -> Line:  # noqa: ARG002
        return Line()

    def cost(self, fields: Any, data: Any) -> Cost:  # noqa: ARG002
        return Cost(parameters=2, step=1e-6 * 4 * fields.batch, memory=1000)

    def start(self, fields: Any, seeds: Any, data: Any, states: Any = None) -> Lines:  # noqa: ARG002
        return Lines(fields, states)


SUBJECT = Linear()
