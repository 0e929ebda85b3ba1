"""How a run of a study is written in MLflow's terms: its tags, params, metrics and artifacts."""

import json
from functools import cache
from getpass import getuser
from importlib.metadata import version
from pathlib import Path
from subprocess import DEVNULL, PIPE, run
from typing import Any

import pyarrow.parquet as pq
from mlflow.entities import Metric, Param
from safetensors.numpy import save

from harness.curves import records
from harness.history import History
from harness.plan import TRAINER, Run
from harness.records import Record, Result
from harness.responses import responses
from harness.study import Study
from harness.tables import trace

SCHEMA = "1"  # of tags and artifacts; raise it when their meaning changes
IS_SCHEMA = "ablate.schema"  # tag that only the harness sets: what lacks it is not ours
IS_KIND = "ablate.kind"  # "study" for a parent run, "run" for a child
DEFINITION = "study.json"  # artifact of a parent run: the resolved study, and facts of the data
TRACE = "trace.parquet"  # artifact of a child: all that was measured
VERIFICATION = "verification"  # tag of a parent: what `ablate verify` found
LONGEST_TAG = 5000  # characters; PostgreSQL holds 8,000 bytes
LONGEST_NAME = 250  # characters of a run's name; PostgreSQL enforces it
CITED = ("torch", "numpy", "numba", "mlflow")  # packages whose versions are kept with a run

Point = tuple[str, int]  # metric and step: what may be logged once only
Points = dict[Point, float]


def params(planned: Run) -> list[Param]:
    """Every field of a run, flat, numbers as numbers: 0 and 1 rather than False and True."""
    fields = {**planned.fields.model_dump(), "seed": planned.seed}
    return [Param(name, text(value)) for name, value in sorted(fields.items())]


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
        "trainer": str(TRAINER),
        "claims_digest": study.claims_digest(),
    }


def result_tags(result: Result) -> dict[str, str]:
    """How a run ended, and all other facts of it."""
    facts = {name: text(value)[:LONGEST_TAG] for name, value in result.facts.items()}
    return {"outcome": result.outcome, "device": "cpu", "versions": versions(), **facts}


def points(history: History) -> Points:
    """Every metric point of an ended run: its curves, and its responses at step 0."""
    found = {
        point: value
        for record in records("", history)
        for point, value in record_points(record).items()
    }
    return found | {(name, 0): value for name, value in responses(history).items()}


def record_points(record: Record) -> Points:
    """The metric points of one record."""
    return {(metric, record.step): value for metric, value in record.values.items()}


def metrics(logged: Points, start: int) -> list[Metric]:
    """Points as MLflow's metrics, whose time follows from their step, so that none can double.

    Args:
        logged: the points.
        start: the MLflow run's start, ms since 1970.
    """
    return [Metric(name, value, start + step, step) for (name, step), value in logged.items()]


def write_artifacts(
    folder: Path, planned: Run, result: Result, corpus: dict[str, str | float]
) -> None:
    """Write what is kept of a run beside its metrics: trace, weights with config, samples."""
    pq.write_table(trace(result.history), folder / TRACE)
    model = folder / "model"
    model.mkdir()
    (model / "weights.safetensors").write_bytes(save(result.weights))
    (model / "config.json").write_text(
        json.dumps(config(planned, corpus), indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    (folder / "samples.txt").write_text(
        "".join(f"{name}\n" for name in result.samples), encoding="utf-8"
    )


def config(planned: Run, corpus: dict[str, str | float]) -> dict[str, Any]:
    """All that is needed to build the network again round its weights."""
    return {
        "run_key": planned.key,
        "fields": planned.fields.model_dump(),
        "seed": planned.seed,
        "trainer": TRAINER,
        "corpus": corpus,
    }


@cache
def versions() -> str:
    """Versions of the packages that a result depends on."""
    return ", ".join(f"{package} {version(package)}" for package in CITED)


@cache
def environment_tags(command: str) -> dict[str, str]:
    """Who ran which code."""
    tags = {
        "mlflow.user": user(),
        "mlflow.source.name": command,
        "mlflow.source.type": "LOCAL",
    }
    commit = git_commit()
    return tags | ({"mlflow.source.git.commit": commit} if commit else {})


def user() -> str:
    """The user's name; "unknown" where the system has none."""
    try:
        return getuser()
    except (KeyError, OSError, ImportError):
        return "unknown"


def git_commit() -> str:
    """The commit of the harness's own checkout; "" where it is installed without one."""
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return ""
    try:
        answer = run(  # noqa: S603
            ["git", "-C", str(root), "rev-parse", "HEAD"],  # noqa: S607
            stdout=PIPE, stderr=DEVNULL, text=True, timeout=5, check=False,
        )  # fmt: skip
    except OSError:
        return ""
    return answer.stdout.strip()
