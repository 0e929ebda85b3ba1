"""The files of a run: what was measured, and what its subject keeps, with what defines the run."""

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from harness.errors import UserError
from harness.store.digest import decisive_files, hashed
from harness.study.plan import Run
from harness.study.study import Study
from harness.subjects import find_subject
from harness.subjects.subject import Facts, Subject, Trained
from harness.subjects.trace import COLUMNS
from harness.training.records import Result

if TYPE_CHECKING:
    import pandas as pd

TRACE = "trace.parquet"  # everything measured, in long form
CONFIG = "model/config.json"  # what defines the run


class NotWhole(UserError):  # noqa: N818 - a state of files, not an error of ours
    """Raised where files of a run are gone or damaged."""

    def of(self, run: str) -> "NotWhole":
        """This mistake with the run's name in what was received."""
        return NotWhole(self.rule, f"{run}: {self.received}", self.remedy)


class Config(BaseModel):
    """What defines a run, as its file says."""

    run_key: str
    subject: str
    version: str
    fields: dict[str, Any]
    seed: int
    outcome: str
    data: dict[str, Any]


def write_artifacts(
    folder: Path, study: Study, subject: str, planned: Run, result: Result, facts: Facts
) -> None:
    """Write what is kept of a run beside its metrics; its subject as the store records it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    config = Config(
        run_key=planned.key,
        subject=subject,
        version=study.model.version,
        fields=planned.fields.model_dump(),
        seed=planned.seed,
        outcome=result.outcome,
        data=dict(facts),
    )
    text = json.dumps(config.model_dump(), indent=1, ensure_ascii=False) + "\n"
    for name, payload in {**result.files, CONFIG: text.encode()}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(payload)
    pq.write_table(pa.table(result.trace.columns()), folder / TRACE)


def read_artifacts(folder: Path, place: Callable[[str], str]) -> tuple[Subject, Trained]:
    """The run whose files lie in the folder, and its subject.

    Args:
        folder: with the run's files.
        place: where a subject that was recorded is now, if it is a user's file.

    Raises:
        NotWhole: some are gone or damaged.
        UserError: the subject has changed.
    """
    config = read_config(folder)
    files = dict(decisive_files(folder))
    name = config.subject
    subject = find_subject(place(name) if name.endswith(".py") else name)
    try:
        fields = subject.Fields.model_validate(config.fields)
    except ValueError:
        raise UserError(
            f"a run must be read with the version of {subject.name} that trained it",
            f"version {config.version}; now it is {subject.version}",
            "Put the subject's file back as it was, or train the study again.",
        ) from None
    return subject, Trained(
        fields=fields,
        seed=config.seed,
        outcome=config.outcome,
        facts=config.data,
        files={name: payload for name, payload in files.items() if name not in (TRACE, CONFIG)},
        read_trace=partial(_parse_trace, read_file(folder, TRACE)),
    )


def read_config(folder: Path) -> Config:
    """What defines the run whose files lie in the folder.

    Raises:
        NotWhole: the file is gone or damaged.
    """
    try:
        return Config.model_validate_json(read_file(folder, CONFIG))
    except ValueError:  # as pydantic's ValidationError is
        raise damaged(CONFIG) from None


def read_trace(folder: Path) -> "pd.DataFrame":
    """The trace of the run whose files lie in the folder: series, step, layer, name, bin, value.

    Runs that were stored before layers could have names have none.

    Raises:
        NotWhole: the file is gone or damaged.
    """
    return _parse_trace(read_file(folder, TRACE))


def _parse_trace(payload: bytes) -> "pd.DataFrame":
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = pa.BufferReader(payload)
    try:  # one thread: for files as small as these, several cost more than they save
        trace: pd.DataFrame = pq.ParquetFile(file).read(use_threads=False).to_pandas()
    except (OSError, ValueError, pa.ArrowException):
        raise damaged(TRACE) from None
    trace = trace if "name" in trace else trace.assign(name="")
    if not {*COLUMNS} <= {*trace}:
        raise damaged(TRACE)
    return trace


def require_unchanged(folder: Path, digests: Mapping[str, str], only: str = "") -> None:
    """Check that files are as they were when their digests were taken.

    Args:
        folder: with the files.
        digests: of each file, by its path.
        only: the one file to look at; "" for all.

    Raises:
        NotWhole: one is gone or damaged.
    """
    for name, digest in digests.items():
        if only in ("", name) and hashed(read_file(folder, name)) != digest:
            raise damaged(name)


def read_file(folder: Path, name: str) -> bytes:
    """A file of a run.

    Raises:
        NotWhole: it is gone or cannot be read.
    """
    try:
        return (folder / name).read_bytes()
    except FileNotFoundError:
        raise gone(name) from None
    except OSError as error:
        raise _not_whole(f"{name} cannot be read ({error.strerror})") from None


def gone(name: str) -> NotWhole:
    """That a file of a run is not there; "" for all its files."""
    return _not_whole(f"{name} is missing" if name else "its files are missing")


def damaged(name: str) -> NotWhole:
    """That a file of a run is not what was logged."""
    return _not_whole(f"{name} is damaged")


def _not_whole(what: str) -> NotWhole:
    return NotWhole(
        "the files of a run must be where they were logged, and undamaged",
        what,
        "Put them back (mlartifacts/ belongs beside mlflow.db), or train such runs again: "
        "ablate run STUDY --repair.",
    )
