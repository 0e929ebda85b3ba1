"""The seam: what the harness needs to know of a model family, and what it gives it to do.

Everything above `subjects/` (studies, plans, the trainer, engines, the store, analysis, reports)
works with these types alone. A new subject is a class with the attributes and methods of `Subject`;
those with a body here may be left out.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from harness.subjects.figures import Figure, Reference
from harness.subjects.trace import Trace, TraceTable
from harness.subjects.works import Work

Array = npt.NDArray[Any]
Facts = Mapping[str, str | float]
State = dict[str, Array]
Outcome = Literal["finished", "diverged"]

# Among the files kept of a run, where its subject has such things.
WEIGHTS = "model/weights.safetensors"
SAMPLES = "samples.txt"  # what it writes, a line each


def can_be_kept(array: Array) -> bool:
    """Whether checkpoints can hold an array: one of numbers of at most 8 bytes."""
    return array.dtype.kind in "biufc" and array.dtype.itemsize <= 8


def stackable(default: Any, **constraints: Any) -> Any:
    """A field whose values may differ between the members of one stack."""
    return Field(default, json_schema_extra={"stackable": True}, **constraints)


class RunFields(BaseModel):
    """What defines a run besides its seed and data; any field can be a factor of a study."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=True)

    steps: int = Field(10_000, ge=1, le=100_000_000, description="minibatches trained on")
    batch: int = Field(32, ge=1, le=65_536, description="examples in a minibatch")

    @classmethod
    def is_stackable(cls, name: str) -> bool:
        """Whether members of one stack may differ in this field."""
        extra = cls.model_fields[name].json_schema_extra
        return isinstance(extra, dict) and bool(extra.get("stackable"))

    @property
    def shape(self) -> tuple[object, ...]:
        """What runs must share to be trained in one stack: all fields that are not stackable."""
        return tuple(getattr(self, name) for name in shared_fields(type(self)))


@cache  # plans of 10,000 runs ask for it at every run
def shared_fields(fields: type[RunFields]) -> tuple[str, ...]:
    """Names of the fields in which the members of a stack must agree."""
    return tuple(name for name in fields.model_fields if not fields.is_stackable(name))


@dataclass(frozen=True)
class Response:
    """A number that a run comes down to.

    The part of the name before the slash says when it is measured: `init/` in training mode on the
    first minibatch, `last/` in training mode on the last one, `final/` in eval mode over whole
    splits. Only `init/` responses exist for a run that diverges.

    Attributes:
        name: its name as an MLflow metric.
        label: for axes and tables, without the unit.
        says: what it means, in one line.
        of: computes it from a run's trace; NaN where the run has no such thing.
        unit: "nats", "share" (shown in per cent) and the like; "" where there is none.
        direction: which way is better; None where neither is.
        cap: from the data's facts, the value that larger ones and diverged runs count as.
        margin: the smallest difference of practical interest, in the response's unit.
        selects: whether the best run may be chosen by it; never by a test split.
        elsewhere: the response that is the same over another split, by name; "" where there is
            none. Verdicts are asked there too.
    """

    name: str
    label: str
    says: str
    of: Callable[[Trace], float]
    unit: str = ""
    direction: Literal["lower", "higher"] | None = "lower"
    cap: Callable[[Facts], float] | None = None
    margin: float = 0.01
    selects: bool = True
    elsewhere: str = ""

    @property
    def axis(self) -> str:
        """The label with its unit in brackets; shares are shown in per cent and carry none."""
        return self.label if self.unit in ("", "share") else f"{self.label} [{self.unit}]"

    @property
    def at_init(self) -> bool:
        """Whether it is measured before the first update: diverging later changes nothing."""
        return self.name.startswith("init/")


@dataclass(frozen=True)
class Curve:
    """A number followed over the steps of a run and logged live.

    Attributes:
        label: for axes, with the unit in brackets where there is one.
        charted: whether the study's saved view in MLflow shows it.
    """

    label: str
    charted: bool = False


@dataclass(frozen=True)
class Cost:
    """What one run costs: for stacks, the order of work, and estimates of time.

    Attributes:
        parameters: how many numbers it trains.
        step: work of one step, in millions of multiplications.
        memory: bytes that one member of a stack touches during a step.
        largest_stack: how many runs may be trained as one.
    """

    parameters: int
    step: float
    memory: int
    largest_stack: int = 64


@dataclass(frozen=True)
class Series:
    """One quantity of every member of a stack, as measured at one step.

    Attributes:
        name: of the quantity. A name with a slash is a curve: it is logged live.
        values: (K,), or one value a layer (K, L), or counts a layer and bin (K, L, BINS).
        first_layer: number of the first layer.
        names: of the layers (L), such as a module's parts in the order of the forward pass; empty
            where layers are just numbered.
    """

    name: str
    values: Array
    first_layer: int = 1
    names: Sequence[str] = ()


@dataclass(frozen=True)
class Steps:
    """What came of some steps of a stack.

    Attributes:
        loss: each member's mean minibatch loss before each update (n, K). A member's losses after
            that of the first step that it did not take have no meaning.
        taken: how many of the n steps each member took (K,): it stops before a step whose loss or
            gradients are not finite, and is then as it was before that step.
        measured: what a probe found; nothing where none was asked for.
    """

    loss: Array
    taken: npt.NDArray[np.int64]
    measured: Sequence[Series] = ()


class Data(Protocol):
    """What a subject is trained on. It travels to worker processes, so it can be pickled."""

    @property
    def name(self) -> str:
        """For people."""

    @property
    def digest(self) -> str:
        """Hash of everything that training reads: part of every run's identity."""

    @property
    def size(self) -> str:
        """How much there is, in words: "32,033 items"."""

    @property
    def notes(self) -> Sequence[str]:
        """What people should know of how the data were read, a sentence each."""

    def examples(self, fields: Any, seed: int) -> int:
        """How many training examples a run of these fields draws its minibatches from.

        Raises:
            UserError: the data do not allow for these fields.
        """

    def facts(self, fields: Any) -> Facts:
        """What is kept about the data with every run: "name" and "digest" among them."""


class Members(Protocol):
    """Runs in training together, each to the last bit as it would be alone.

    Attributes:
        at_once: how many steps may be asked for in one call. More than 1 pays where a member's
            numbers then stay in the cache.
    """

    at_once: int

    def advance(self, step: int, rows: npt.NDArray[np.int64], probe: bool) -> Steps:
        """Let every member take some steps, as far as its loss and gradients are finite.

        Args:
            step: the first, counted from 0.
            rows: which training examples make each member's minibatches (n, K, B), n ≤ `at_once`.
            probe: whether to measure what goes on inside; then n is 1. Measuring changes no bit.
        """

    def evaluate(self, step: int) -> Iterable[Series]:
        """What is measured in eval mode after so many steps; everything final after the last."""

    def keep(self, members: Sequence[int]) -> None:
        """Go on with these members only."""

    def state(self, member: int) -> State:
        """All that a member needs to go on bit for bit, by name; copies."""

    def files(self, member: int, outcome: Outcome) -> Mapping[str, bytes]:
        """What is kept of a member that has ended, by relative path: weights, samples."""


@dataclass(frozen=True)
class Trained:
    """A run that has ended, as the store gives it back.

    Attributes:
        fields: what defined it.
        seed: its block.
        outcome: how it ended.
        facts: about its data.
        files: what `Members.files` gave.
        read_trace: gives the trace.
    """

    fields: Any
    seed: int
    outcome: str
    facts: Facts
    files: Mapping[str, bytes]
    read_trace: Callable[[], TraceTable]

    @cached_property
    def trace(self) -> TraceTable:
        """Everything measured, in long form; read when it is first asked for, which takes time."""
        return self.read_trace()


@dataclass(frozen=True)
class Comparison:
    """One quantity computed in two ways.

    Attributes:
        compared: with what.
        quantity: of which.
        deviation: the largest absolute difference.
        allowed: up to which it passes.
    """

    compared: str
    quantity: str
    deviation: float
    allowed: float

    @property
    def passed(self) -> bool:
        """Whether the difference is as small as it must be."""
        return self.deviation <= self.allowed


@dataclass(frozen=True)
class Prediction:
    """A number that theory or an earlier computation gives for some cells of a study.

    Attributes:
        id: short name.
        says: the prediction in words.
        source: whose it is.
        response: which response it is about.
        cells: whether it is about runs of these fields.
        expected: the value, in the response's unit.
        margin: how far off still agrees.
        minus: where given, it is about the difference between `cells` and these.
        at_least: it is a floor under every cell rather than a value.
    """

    id: str
    says: str
    source: str
    response: str
    cells: Callable[[Any], bool]
    expected: float
    margin: float
    minus: Callable[[Any], bool] | None = None
    at_least: bool = False


@dataclass(frozen=True)
class SampleRequest:
    """What is asked of a trained run that writes samples.

    Attributes:
        count: how many.
        seed: of the draws.
        prefix: what every sample begins with.
        temperature: divides the logits; above 1 samples get wilder.
    """

    count: int = 20
    seed: int = 1
    prefix: str = ""
    temperature: float = 1.0


class Subject(Protocol):
    """A model family with its data.

    Attributes:
        name: as studies name it.
        version: of its arithmetic; part of every run's identity. Raise it when numbers change.
        Fields: what may vary, with defaults and ranges.
        responses: by name.
        primary: the response that decides where a study names none; also selects the best run
            where the study's own cannot.
        has_data: whether it has data of its own, so that none can be named for it.
        same_bits: whether a run has the same bits on every machine; else only on one type of
            machine with the same versions of its libraries.
        headline: the responses that tables show.
        curves: by metric name.
        layers: quantities measured layer by layer, for tables and figures; those over whole splits
            after the last step carry "final_" before their names.
        weights: quantities measured weight by weight over the steps.
        budget: fields that runs must share to see the same minibatches.
        figures: those that only this subject has.
        citations: works that it rests on.
    """

    name: str
    version: str
    Fields: type[RunFields]
    responses: Mapping[str, Response]
    primary: str
    has_data: bool = False
    same_bits: bool = False
    headline: Sequence[str] = ()
    curves: Mapping[str, Curve] = {}
    layers: Sequence[str] = ()
    weights: Sequence[str] = ()
    budget: Sequence[str] = ("steps", "batch")
    figures: Sequence[Figure] = ()
    glossary: Sequence[tuple[str, str]] = ()
    citations: Sequence[Work] = ()

    def load(self, source: str | None, folder: Path) -> Data:
        """The data to train on.

        Args:
            source: what the study or the command line names; None where neither does.
            folder: what a relative path is relative to.

        Raises:
            UserError: they cannot be used.
        """

    def cost(self, fields: Any, data: Data) -> Cost:
        """What one run costs."""

    def canonical(self, fields: Any) -> Any:
        """The fields with each that has no effect at one value: equal ones train to the same bits.

        This must hold on all data. The converse need not: not every reason is known. A run's
        identity does not depend on it.
        """
        return fields

    def start(
        self, fields: Sequence[Any], seeds: Sequence[int], data: Data,
        states: Sequence[State] | None = None,
    ) -> Members:  # fmt: skip
        """Members of equal shape, from the start or from the states that were kept of them."""

    def preload(self) -> None:
        """Load the libraries that training needs, which may take seconds."""
        return

    def preparation(self) -> float:
        """Seconds that compiling takes before the first step, where this machine never did it."""
        return 0.0

    def advice(self, fields: Sequence[Any]) -> Sequence[str]:  # noqa: ARG002 - optional
        """What to consider before runs of these fields are trained, a sentence each."""
        return ()

    def check(self, fields: Any, data: Data) -> Iterator[str]:  # noqa: ARG002 - optional
        """Try what a run of these fields would do; yields what holds, a line each.

        Raises:
            UserError: something does not hold that the subject's results rest on.
        """
        yield from ()

    def references(self, facts: Facts) -> Sequence[Reference]:  # noqa: ARG002 - optional
        """Values worth comparing capped responses with."""
        return ()

    def caveats(self, varied: set[str], variants: Sequence[Any]) -> Sequence[str]:  # noqa: ARG002
        """What a study that varies these fields cannot tell, a sentence each."""
        return ()

    def predictions(self, facts: Facts) -> Sequence[Prediction]:  # noqa: ARG002 - optional
        """What the literature gives for this subject on data with these facts."""
        return ()

    def compare_with_reference(
        self,
        fields: Sequence[Any],  # noqa: ARG002 - optional, as are the next
        seeds: Sequence[int],  # noqa: ARG002
        data: Data,  # noqa: ARG002
    ) -> Iterator[Comparison]:
        """The first of these members against a slow, plain implementation of the same."""
        yield from ()

    def inspect(self, run: Trained) -> Iterator[str]:  # noqa: ARG002 - optional
        """The inside of a run that has ended, as lines for people."""
        yield from ()

    def sample(self, run: Trained, request: SampleRequest) -> list[str] | None:  # noqa: ARG002
        """What a trained run writes; None where the subject writes nothing.

        Raises:
            UserError: the request cannot be met.
        """
        return None

    def predict(self, run: Trained, inputs: Array) -> Array | None:  # noqa: ARG002
        """What a trained run's model gives for inputs; None where the subject has no such thing."""
        return None

    def example_inputs(self, fields: Any, data: Data) -> Array | None:  # noqa: ARG002 - optional
        """A few inputs as `predict` takes them, of the dev split; None where it takes none."""
        return None

    def sources(self, fields: Any) -> Mapping[str, str]:  # noqa: ARG002 - optional
        """A hash of each piece of code that these fields name and that `version` does not cover.

        Part of a run's identity, where there is any.
        """
        return {}

    def code(self, fields: Sequence[Any]) -> Mapping[str, Path]:  # noqa: ARG002 - optional
        """Files of the user's that are executed for runs of these fields, by relative path.

        A logged model takes them along.
        """
        return {}


def deviation(one: Array, other: Array) -> float:
    """Largest absolute difference; two NaN differ by nothing, NaN and a number by infinity."""
    if one.shape != other.shape:
        return float("inf")
    apart = np.abs(one.astype(np.float64) - other.astype(np.float64))
    apart[(one == other) | (np.isnan(one) & np.isnan(other))] = 0
    return float(np.nan_to_num(apart, nan=np.inf).max(initial=0.0))
