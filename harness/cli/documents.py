"""What commands print with --json: documents for programs, each of a schema with a version.

A document is one line of JSON in ASCII. Its numbers are exact to the last bit; null stands for a
number that there is none of, since JSON has neither NaN nor infinity. Within a version of a schema
keys are only added; if one goes or means something else, the version is raised. `ablate schema`
prints the schemas, and `docs/machines.md` says how a program uses them.
"""

import json
from collections.abc import Callable
from math import isfinite, nan
from typing import Annotated, Any, Literal, TextIO, TypeAlias, Union

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, TypeAdapter

from harness.errors import UserError
from harness.study.levels import Level, Levels
from harness.subjects.subject import Data


def _number(value: Any) -> Any:
    return nan if value == "" else value  # as tables have it


def _finite(value: float) -> float | None:
    return value if isfinite(value) else None


def _parsed(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value  # JSON in a cell of a table


Number = Annotated[
    float, BeforeValidator(_number), PlainSerializer(_finite, return_type=float | None)
]
Seeds = Annotated[tuple[int, ...], Field(description="the seeds")]


class Part(BaseModel):
    """A part of a document; may be made of a row of a table that has more columns."""

    model_config = ConfigDict(frozen=True)


class Document(Part):
    """A whole document; its first key names its schema."""

    schema_name: str

    def line(self) -> str:
        """The document as one line of JSON."""
        return json.dumps(self.model_dump(mode="json", by_alias=True), allow_nan=False)


Emit: TypeAlias = Callable[[Document], None]


def printing(stream: TextIO) -> Emit:
    """Prints documents to a stream, each at once."""

    def emit(document: Document) -> None:
        stream.write(f"{document.line()}\n")
        stream.flush()

    return emit


def _schema(name: str) -> Any:
    return Field(name, alias="schema", description="the schema, with its version")


class Error(Part):
    """A mistake that the user can fix."""

    rule: str = Field(description="what must hold")
    received: str = Field(description="what was found instead")
    remedy: str = Field(description="what to do about it")


class Mistake(Document):
    """Printed instead of any other document, or after the last event; exit code 2."""

    schema_name: Literal["ablate.error/1"] = _schema("ablate.error/1")
    error: Error = Field(description="the mistake, which standard error has as text")

    @classmethod
    def of(cls, error: UserError) -> "Mistake":
        """The document of a mistake."""
        parts = {"rule": error.rule, "received": str(error.received), "remedy": error.remedy}
        return cls(error=Error(**parts))


class DataFacts(Part):
    """The training data."""

    name: str = Field(description="name for people")
    size: str = Field(description="its size, in words")
    digest: str = Field(
        description="hash of all data that training reads; part of a run's identity"
    )

    @classmethod
    def of(cls, data: Data) -> "DataFacts":
        """The facts about some data."""
        return cls(name=data.name, size=data.size, digest=data.digest)


class ListedStudy(Part):
    """A study that is known by name: of the project, or of the package."""

    name: str = Field(description="the name that commands take")
    question: str = Field(description="what it asks")
    runs: int = Field(description="variants × tuned levels × seeds")
    at_most: bool = Field(
        description="whether the study may end with fewer runs, because it declares looks"
    )


class StudyList(Document):
    """`ablate list`: the studies of the project and of the package."""

    schema_name: Literal["ablate.list/1"] = _schema("ablate.list/1")
    studies: tuple[ListedStudy, ...] = Field(description="in alphabetical order")


class PlannedVariant(Part):
    """A variant at one level of the tuned fields, and the progress of its runs."""

    variant: str = Field(description="its name")
    levels: Levels = Field(description="its level of each factor and tuned field")
    parameters: int = Field(description="number of trainable parameters")
    runs: int = Field(description="runs that are known to be needed, or have ended")
    ended: int = Field(description="those that the store has, including diverged ones")
    diverged: int = Field(description="ended runs that diverged")


class Training(Part):
    """What `ablate run` would train now."""

    runs: int = Field(description="missing runs; with declared looks, those until the next look")
    stacks: int = Field(description="groups of runs that are trained together")
    members: tuple[int, int] | None = Field(
        description="runs in the smallest and in the largest stack"
    )
    workers: int = Field(description="worker processes")
    seconds: Number = Field(description="estimated time")
    measured: bool = Field(
        description="whether the estimate is based on runs trained on this machine"
    )


class StudyPlan(Document):
    """`ablate plan`: what a study will train."""

    schema_name: Literal["ablate.plan/1"] = _schema("ablate.plan/1")
    study: str = Field(description="its name")
    question: str = Field(description="what it asks")
    code: tuple[str, ...] = Field(description="the user's files whose code is run")
    data: DataFacts = Field(description="training data")
    variants: tuple[PlannedVariant, ...] = Field(description="all variants, at each tuned level")
    tuned: dict[str, tuple[Level, ...]] = Field(description="levels of each tuned field")
    seeds: Seeds
    looks: tuple[int, ...] = Field(description="numbers of seeds at which claims are judged")
    runs: int = Field(description="variants × tuned levels × seeds")
    ended: int = Field(description="those that the store has")
    taken_over: int = Field(
        description="missing runs that other studies in the store have finished"
    )
    training: Training = Field(description="what `ablate run` would train now")
    notes: tuple[str, ...] = Field(description="other remarks for people, one sentence each")


class RunView(Document):
    """`ablate show`: the measurements inside a run that has ended."""

    schema_name: Literal["ablate.show/1"] = _schema("ablate.show/1")
    name: str = Field(description="name for people")
    run_id: str = Field(description="MLflow's run id")
    run_key: str = Field(description="the run's identity: equal keys, equal bits")
    subject: str = Field(description="the subject that was trained")
    data: str = Field(description="name of the training data")
    seed: int = Field(description="the run's seed")
    outcome: str = Field(description="`finished` or `diverged`")
    fields: dict[str, Any] = Field(
        description="the fields that define the run, besides seed and data"
    )
    metrics: dict[str, Number] = Field(description="the last value of each metric in MLflow")
    inside: tuple[str, ...] = Field(description="the subject's report on the run, line by line")


class ComparedResponse(Part):
    """A response of two variants, over the seeds that both have."""

    response: str = Field(description="its name")
    unit: str = Field(description="empty if it has none")
    a: Number = Field(description="mean of variant a")
    b: Number = Field(description="mean of variant b")
    difference: Number = Field(description="b − a, paired by seed")
    low: Number = Field(description="lower end of its 95 % t interval")
    high: Number = Field(description="upper end")
    n: int = Field(description="seeds")
    note: str = Field(description="a reservation; empty if there is none")


class VariantComparison(Document):
    """`ablate compare STUDY A B`: two variants in every response; exploratory."""

    schema_name: Literal["ablate.compare.variants/1"] = _schema("ablate.compare.variants/1")
    study: str = Field(description="its name")
    a: str = Field(description="a variant's name")
    b: str = Field(description="the other one's")
    responses: tuple[ComparedResponse, ...] = Field(description="responses that both variants have")
    notes: tuple[str, ...] = Field(description="other remarks for people, one sentence each")


class StudyAtPlace(Part):
    """The primary response of a study at some levels, and its difference from the first study's."""

    study: str = Field(description="its name")
    mean: Number = Field(description="mean over the study's variants there")
    low: Number = Field(description="lower end of its 95 % t interval")
    high: Number = Field(description="upper end")
    n: int = Field(description="seeds")
    difference: Number = Field(
        description="difference from the first study, paired by seed; null for the first study"
    )
    difference_low: Number = Field(description="lower end of its 95 % t interval")
    difference_high: Number = Field(description="upper end")
    pairs: int = Field(description="seeds that both studies have")


class ComparedPlace(Part):
    """Levels that all studies have, and the response of each study there."""

    place: str = Field(description="the levels in words")
    studies: tuple[StudyAtPlace, ...] = Field(description="in the order of the command line")


class SharedClaim(Part):
    """A claim that several studies share."""

    id: str = Field(description="its name")
    says: str = Field(description="the claim in words")
    verdicts: dict[str, str] = Field(description="verdict of each study that makes the claim")


class StudyComparison(Document):
    """`ablate compare STUDY STUDY…`: studies at the levels that they share."""

    schema_name: Literal["ablate.compare.studies/1"] = _schema("ablate.compare.studies/1")
    studies: tuple[str, ...] = Field(description="the others are compared with the first")
    response: str = Field(description="the primary response of the first study")
    unit: str = Field(description="empty if it has none")
    common: dict[str, tuple[Level, ...]] = Field(description="shared levels, by factor")
    apart: dict[str, dict[str, str]] = Field(
        description="fields in which the studies differ: the levels of each study"
    )
    places: tuple[ComparedPlace, ...] = Field(description="combinations of shared levels")
    claims: tuple[SharedClaim, ...] = Field(description="claims that several studies share")
    notes: tuple[str, ...] = Field(description="other remarks for people, one sentence each")


class ExportedTable(Part):
    """A table that was written."""

    name: str = Field(description="`runs`, `curves`, …; for a paper `cells`, `effects`, `claims`")
    rows: int = Field(description="how many")
    files: tuple[str, ...] = Field(
        description="their paths, one per format: CSV, Parquet; LaTeX, Markdown"
    )


class ExportedTables(Document):
    """`ablate export`: the tables that were written."""

    schema_name: Literal["ablate.export/1"] = _schema("ablate.export/1")
    study: str = Field(description="its name")
    tables: tuple[ExportedTable, ...] = Field(description="the tables")
    notes: tuple[str, ...] = Field(description="other remarks for people, one sentence each")


class FoundInconsistency(Part):
    """An inconsistency in a store."""

    kind: str = Field(
        description="`files`, `values`, `tags`, `unidentified`, `twins`, `running`, `definition`, "
        "or `no run`"
    )
    study: str = Field(description="its name; empty for files without a run")
    what: str = Field(description="the run or the files, and the problem")
    run_id: str = Field(description="MLflow's run id; empty if there is none")
    run_key: str = Field(description="the run's identity; empty if there is none")
    repairable: bool = Field(description="whether --repair can repair it")
    repaired: bool = Field(description="whether --repair has repaired it now")
    remedy: str = Field(description="what to do if --repair cannot; otherwise empty")


class StoreExamination(Document):
    """`ablate doctor`: inconsistencies; exit code 1 if any is left."""

    schema_name: Literal["ablate.doctor/1"] = _schema("ablate.doctor/1")
    store: str = Field(description="its URI, without credentials")
    studies: int = Field(description="number of studies examined")
    runs: int = Field(description="number of runs examined")
    unchecked: int = Field(description="runs without a digest, whose changes cannot be detected")
    found: tuple[FoundInconsistency, ...] = Field(description="the inconsistencies, by kind")


class Finding(Part):
    """A finding of the audit of the runs."""

    check: str = Field(description="name of the check")
    severity: str = Field(description="`refuse`: no contrast is computed; `banner`: a warning")
    message: str = Field(description="the finding, as a sentence")
    runs: str = Field(description="some of the runs concerned")


class ClaimVerdict(Part):
    """A claim and its verdict, as in the report's claims.csv."""

    id: str = Field(description="its name in the study file")
    says: str = Field(description="the claim in words")
    kind: str = Field(description="`threshold`, `difference`, `equivalence`, `interaction`")
    response: str = Field(description="the response that it is about")
    verdict: str = Field(
        description="SUPPORTED, OPPOSITE, NEGLIGIBLE, FAILS, NOT EVERYWHERE, INCONCLUSIVE or "
        "NOT TESTABLE"
    )
    condition: str = Field(
        description="`if no run fails` if the verdict depends on that; else empty"
    )
    why: str = Field(description="where it is shown to hold or to fail, or why it cannot be tested")
    stamps: str = Field(description="why the verdict is exploratory; empty if it is not")
    n: int = Field(description="number of seeds")
    cells: int = Field(description="number of cells that the claim is about")
    holding: int = Field(description="number of cells in which it is shown to hold")
    failing: int = Field(description="number of cells in which it is shown to fail")
    cell: str = Field(description="the cell least favourable to the claim")
    estimate: Number = Field(
        description="estimate for a claim about one cell; null for several cells"
    )
    low: Number = Field(description="lower end of the interval for the worst cell")
    high: Number = Field(description="upper end")
    interval: Number = Field(description="level of the interval: 1 − alpha")
    bound: Number = Field(description="what the value must stay below or above, or within")
    direction: str = Field(description="`lower`, `higher` or `within`")
    where: Annotated[dict[str, tuple[str, ...]], BeforeValidator(_parsed)] = Field(
        description="levels that the claim is limited to, as text"
    )
    p_adjusted: Number = Field(description="two-sided p, times claims and looks")
    alpha: Number = Field(description="the level that this claim is judged at")


class EffectEstimate(Part):
    """An effect on the primary response, as in effects.csv; exploratory."""

    id: str = Field(description="the effect in words")
    kind: str = Field(description="`main`, `within`, `simple`, `interaction`, `slope`")
    factor: str = Field(description="the factor that varies")
    level: str = Field(description="the level compared")
    versus: str = Field(description="the level it is compared with")
    by: str = Field(
        description="the other factor of an interaction, or the factor that it is within"
    )
    where: str = Field(description="levels of the others, in words")
    over: str = Field(description="over how many combinations it is averaged, if not all")
    estimate: Number = Field(description="mean of the seed-wise contrasts")
    se: Number = Field(description="its standard error")
    low: Number = Field(description="lower end of the 95 % t interval")
    high: Number = Field(description="upper end")
    n: int = Field(description="seeds")
    conditional: str = Field(description="where it is higher and where lower, if its sign varies")
    note: str = Field(description="a reservation; empty if there is none")


class VariantMean(Part):
    """The primary response of a variant over its seeds."""

    variant: str = Field(description="its name")
    levels: Levels = Field(description="its level of each factor")
    mean: Number = Field(description="in the response's unit")
    low: Number = Field(description="lower end of its 95 % t interval")
    high: Number = Field(description="upper end")
    n: int = Field(description="seeds")


class PrimaryResponse(Part):
    """The primary response."""

    name: str = Field(description="its name")
    label: str = Field(description="name for people")
    unit: str = Field(description="empty where it has none; `share` is between 0 and 1")
    direction: Literal["lower", "higher"] | None = Field(description="which direction is better")


class StudyReport(Document):
    """`ablate report`: verdicts and numbers; exit code 1 if the runs cannot be compared."""

    schema_name: Literal["ablate.report/1"] = _schema("ablate.report/1")
    study: str = Field(description="its name")
    question: str = Field(description="what it asks")
    page: str = Field(description="path of the report; report.md and data/ lie beside it")
    changed: bool = Field(description="whether it was written now; false if it was up to date")
    data: str = Field(description="name of the data")
    response: PrimaryResponse = Field(description="the response of `means` and `effects`")
    runs: int = Field(description="runs that the report is about")
    ended: int = Field(description="those that have ended, including diverged ones")
    diverged: int = Field(description="ended runs that diverged")
    comparable: bool = Field(description="whether the audit allows a comparison of the runs")
    findings: tuple[Finding, ...] = Field(description="findings of the audit")
    claims: tuple[ClaimVerdict, ...] = Field(
        description="claims with verdicts, in the order of the study file"
    )
    means: tuple[VariantMean, ...] = Field(description="mean of each variant")
    effects: tuple[EffectEstimate, ...] = Field(description="effects: exploratory, not corrected")
    notes: tuple[str, ...] = Field(description="other remarks for people, one sentence each")


class _Event(Document):
    """A line of `ablate run`."""

    schema_name: Literal["ablate.run/1"] = _schema("ablate.run/1")


class SessionStarted(_Event):
    """The first line: the study that is to be trained."""

    event: Literal["session_started"] = "session_started"
    study: str = Field(description="its name")
    question: str = Field(description="what it asks")
    data: DataFacts = Field(description="training data")
    store: str = Field(description="its URI, without credentials")
    runs: int = Field(description="variants × tuned levels × seeds")


class RunTakenOver(_Event):
    """A missing run that another study of the store has finished."""

    event: Literal["run_taken_over"] = "run_taken_over"
    run_key: str = Field(description="the run's identity")
    variant: str = Field(description="name of its variant")
    seed: int = Field(description="the run's seed")


class TrainingStarted(_Event):
    """Training begins; again at each look."""

    event: Literal["training_started"] = "training_started"
    runs: int = Field(description="number of runs to train")
    stacks: int = Field(description="groups of runs that are trained together")
    seconds: float = Field(description="estimated time")


class TrainingProgress(_Event):
    """Progress of training: at the start, then every ten seconds."""

    event: Literal["progress"] = "progress"
    seconds: float = Field(description="time since training began")
    ended: int = Field(description="runs that have ended")
    runs: int = Field(description="runs to train")
    stack: str = Field(description="a stack in training, in words")
    step: int = Field(description="steps that the stack has finished")
    steps: int = Field(description="its steps in total")
    loss: float = Field(description="loss of one of its runs, on a minibatch")


class RunEnded(_Event):
    """A run has ended, or could not be trained."""

    event: Literal["run_ended"] = "run_ended"
    run_key: str = Field(description="the run's identity; `ablate show` takes it")
    variant: str = Field(description="name of its variant")
    levels: Levels = Field(description="its level of each factor and tuned field")
    seed: int = Field(description="the run's seed")
    outcome: Literal["finished", "diverged", "failed"] = Field(
        description="`diverged`: its loss or gradient was not finite, a valid result; `failed`: "
        "it could not be trained, and the next `ablate run` tries again"
    )
    responses: dict[str, Number] = Field(description="its responses; none if it failed")
    seconds: Number = Field(description="its share of the training time")
    diverged_step: int | None = Field(
        description="the first step that was not finite, if it diverged"
    )
    cause: str = Field(description="what was not finite, or why it failed; empty if it finished")


class SessionEnded(_Event):
    """The last line, unless an error follows or the process is killed."""

    event: Literal["session_ended"] = "session_ended"
    outcome: Literal["done", "failed", "interrupted"] = Field(
        description="`done`: every run needed is in the store"
    )
    exit_code: int = Field(description="0, 1 or 130")
    runs: int | None = Field(description="runs known to be needed; null if stopped before that")
    trained: int = Field(description="runs that ended in this session")
    failed: int = Field(description="runs that could not be trained")
    undelivered: int = Field(description="results that wait on disk for the store")
    seconds: float = Field(description="worker time spent on the trained runs")


SCHEMAS: dict[str, tuple[type[Document], ...]] = {
    "list": (StudyList,),
    "plan": (StudyPlan,),
    "run": (
        SessionStarted,
        RunTakenOver,
        TrainingStarted,
        TrainingProgress,
        RunEnded,
        SessionEnded,
    ),
    "report": (StudyReport,),
    "compare.variants": (VariantComparison,),
    "compare.studies": (StudyComparison,),
    "export": (ExportedTables,),
    "show": (RunView,),
    "doctor": (StoreExamination,),
    "error": (Mistake,),
}


def json_schema(name: str) -> dict[str, Any]:
    """The JSON Schema of the documents of a name in SCHEMAS."""
    documents: Any = Union[SCHEMAS[name]]  # noqa: UP007 - of a tuple
    return TypeAdapter(documents).json_schema(mode="serialization", by_alias=True)
