"""The files of a run: what was measured, and what its subject keeps, with what defines the run."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from harness.errors import UserError
from harness.study.plan import Run
from harness.study.study import Study
from harness.subjects import find_subject
from harness.subjects.subject import Facts, Subject, Trained
from harness.training.records import Result

TRACE = "trace.parquet"  # everything measured, in long form
CONFIG = "model/config.json"  # what defines the run
SAMPLES = "samples.txt"  # of subjects that write some


def write_artifacts(
    folder: Path, study: Study, subject: str, planned: Run, result: Result, facts: Facts
) -> None:
    """Write what is kept of a run beside its metrics; its subject as the store records it."""
    config = {
        "run_key": planned.key,
        "subject": subject,
        "version": study.model.version,
        "fields": planned.fields.model_dump(),
        "seed": planned.seed,
        "outcome": result.outcome,
        "data": dict(facts),
    }
    text = json.dumps(config, indent=1, ensure_ascii=False) + "\n"
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
        UserError: some are missing or damaged, or the subject has changed.
    """
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _not_whole(error) from None
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    name = config["subject"]
    subject = find_subject(place(name) if name.endswith(".py") else name)
    try:
        fields = subject.Fields.model_validate(config["fields"])
    except ValueError:
        raise UserError(
            f"a run must be read with the version of {subject.name} that trained it",
            f"version {config['version']}, and now it is {subject.version}",
            "Put the subject's file back as it was, or train the study again.",
        ) from None
    return subject, Trained(
        fields=fields,
        seed=config["seed"],
        outcome=config["outcome"],
        facts=config["data"],
        files={name: payload for name, payload in files.items() if name not in (TRACE, CONFIG)},
        trace=read_trace(folder / TRACE),
    )


def read_trace(path: Path) -> pd.DataFrame:
    """A run's trace: series, step, layer, name, bin, value.

    Runs that were stored before layers could have names have none.

    Raises:
        UserError: the file is missing or damaged.
    """
    try:
        trace = pd.read_parquet(path)
    except (OSError, ValueError) as error:  # pyarrow's errors are ValueErrors
        raise _not_whole(error) from None
    return trace if "name" in trace else trace.assign(name="")


def _not_whole(error: Exception) -> UserError:
    return UserError(
        "a run's artifacts must be whole",
        error,
        "They are missing or damaged: put them back, or train the run again in a new store.",
    )
