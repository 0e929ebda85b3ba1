"""How a run of a study is written in MLflow's terms: its tags, params and metrics."""

from functools import cache
from getpass import getuser
from importlib.metadata import version
from math import isfinite
from pathlib import Path
from subprocess import TimeoutExpired, run
from typing import TYPE_CHECKING

from harness.study.plan import Run
from harness.study.study import Study
from harness.subjects.subject import Subject
from harness.training.records import Record, Result

if TYPE_CHECKING:
    from mlflow.entities import Metric, Param, RunTag

SCHEMA = "2"  # of tags and artifacts; raise it when their meaning changes
IS_SCHEMA = "ablate.schema"  # tag that only the harness sets: a run without it is not ours
IS_KIND = "ablate.kind"  # tag: "study" for a parent run, "run" for a child
OURS = f"tags.`{IS_SCHEMA}` = '{SCHEMA}'"  # search expressions
CHILDREN = f"{OURS} AND tags.`{IS_KIND}` = 'run'"
DEFINITION = "study.json"  # artifact of a parent run: the resolved study, and facts of the data
VERIFICATION = "verification"  # tag of a parent run: what `ablate verify` found
LONGEST_TAG = 5000  # characters; PostgreSQL holds 8,000 bytes
LONGEST_NAME = 250  # characters of a run's name; PostgreSQL enforces it
CITED = ("torch", "numpy", "numba", "mlflow")  # packages whose versions are kept with a run

Point = tuple[str, int]  # metric and step: what may be logged once only
Points = dict[Point, float]


def param_values(planned: Run) -> dict[str, str]:
    """Every field of a run, flat, numbers as numbers: 0 and 1 rather than False and True."""
    fields = {**planned.fields.model_dump(), "seed": planned.seed}
    return {name: text(value) for name, value in sorted(fields.items())}


def params(planned: Run) -> "list[Param]":
    """Every field of a run, as MLflow's entities."""
    from mlflow.entities import Param

    return [Param(name, value) for name, value in param_values(planned).items()]


def text(value: object) -> str:
    """A value as MLflow shows it, numbers so that it can sort and plot them."""
    return str(int(value)) if isinstance(value, bool) else str(value)


def identity_tags(planned: Run, study: Study, digest: str) -> dict[str, str]:
    """What marks an MLflow run as that run of that study."""
    return {
        IS_SCHEMA: SCHEMA,
        IS_KIND: "run",
        "run_key": planned.key,
        "study": study.name,
        "variant": planned.variant,
        "data_digest": digest,
        "subject": study.subject,
        "version": study.model.version,
        "claims_digest": study.claims_digest(),
    }


def result_tags(result: Result) -> dict[str, str]:
    """How a run ended, and all other facts of it."""
    facts = {name: text(value)[:LONGEST_TAG] for name, value in result.facts.items()}
    return {"outcome": result.outcome, "device": "cpu", "versions": versions(), **facts}


def points(result: Result, subject: Subject) -> Points:
    """Every metric point of an ended run: its curves, and its responses at step 0."""
    curves = {(name, step): value for name, step, value in result.trace.curves()}
    responses = {(r.name, 0): r.of(result.trace) for r in subject.responses.values()}
    return curves | {point: value for point, value in responses.items() if isfinite(value)}


def record_points(record: Record) -> Points:
    """The metric points of one record."""
    return {(metric, record.step): value for metric, value in record.values.items()}


def metrics(logged: Points, start: int) -> "list[Metric]":
    """Points as MLflow's metrics, whose time follows from their step, so that none can double.

    Args:
        logged: the points.
        start: the MLflow run's start, ms since 1970.
    """
    from mlflow.entities import Metric

    return [Metric(name, value, start + step, step) for (name, step), value in logged.items()]


def run_tags(tags: dict[str, str]) -> "list[RunTag]":
    """Tags as MLflow's entities."""
    from mlflow.entities import RunTag

    return [RunTag(name, value) for name, value in tags.items()]


@cache
def versions() -> str:
    """Versions of the packages that a result depends on."""
    return ", ".join(f"{package} {version(package)}" for package in CITED)


@cache
def environment_tags(study: str) -> dict[str, str]:
    """Who ran which code."""
    tags = {
        "mlflow.user": _user(),
        "mlflow.source.name": f"ablate run {study}",
        "mlflow.source.type": "LOCAL",
    }
    commit = _git_commit()
    return tags | ({"mlflow.source.git.commit": commit} if commit else {})


def _user() -> str:
    try:
        return getuser()
    except (KeyError, OSError, ImportError):  # the system has no name for the user
        return "unknown"


def _git_commit() -> str:
    """The commit of the harness's own checkout; "" where it is installed without one."""
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return ""
    command = ["git", "-C", str(root), "rev-parse", "HEAD"]
    try:
        answer = run(command, capture_output=True, timeout=5, check=False)  # noqa: S603
    except (OSError, TimeoutExpired):  # there is no git here, or its disk does not answer
        return ""
    return answer.stdout.decode().strip()
