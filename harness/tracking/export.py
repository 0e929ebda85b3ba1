"""A study's runs as tidy files for other programs: one row a run, one row a measured value."""

from io import BytesIO
from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.entities import Run

from harness.analysis.frames import write_csv
from harness.errors import UserError
from harness.fields import Fields
from harness.files import write_atomically
from harness.responses import RESPONSES
from harness.study import Study
from harness.tracking.ledger import key_of
from harness.tracking.reading import chosen, definition_of, existing, latest_parent, row
from harness.tracking.schema import IS_SCHEMA, SCHEMA
from harness.tracking.store import Store
from harness.tracking.traces import curves, tables

LONG = {  # tables of values, with the columns that name a value
    "curves": ["run_key", "metric", "step"],
    "layers": ["run_key", "when", "quantity", "layer"],
    "updates": ["run_key", "step", "weight"],
    "histograms": ["run_key", "kind", "when", "layer", "left", "right"],
}
TEXTS = ("run_key", "metric", "when", "quantity", "kind")
WHOLE = ("step", "layer", "weight")
VALUE = {"histograms": "count"}  # else "value"
LABELS = ("ours", "run_key", "run_id", "run_name", "outcome", "variant")
PROVENANCE = ("diverged_cause", "minibatches", "data_digest", "device", "versions", "commit",
              "trainer", "claims_digest")  # fmt: skip
TYPES: dict[Any, str] = {int: "Int64", float: "float64", bool: "boolean"}  # others are text
TRUTH = {"0": False, "1": True, "False": False, "True": True, "false": False, "true": True}


def export(uri: str | None, name: str, folder: Path) -> dict[str, int]:
    """Write every table as CSV and as Parquet; returns how many rows each has.

    Args:
        uri: tracking URI as given by the user.
        name: of the study.
        folder: where to; made if it is not there.

    Raises:
        UserError: there is no such study in the store, or the folder cannot be written.
        Unreachable: the store does not answer.
    """
    found = tidy(uri, name)
    try:
        for table, rows in found.items():
            parquet = BytesIO()
            rows.to_parquet(parquet, index=False)
            write_atomically(folder / f"{table}.parquet", parquet.getvalue())
            write_csv(rows, folder / f"{table}.csv")
    except OSError as error:
        raise UserError(
            "the folder of an export must be writable", f"{folder} ({error.strerror})",
            "Mend that, or name another with --to.",
        ) from None  # fmt: skip
    return {table: len(rows) for table, rows in found.items()}


def tidy(uri: str | None, name: str) -> dict[str, pd.DataFrame]:
    """All makings of a study as tables: "runs", and those in `LONG`, which name runs by run_key.

    Runs that others logged to the experiment are among them, marked by `ours` = "no", with
    MLflow's id for their key; reports know nothing of them.

    Raises:
        UserError: there is no such study in the store.
        Unreachable: the store does not answer.
    """
    store, ledger = existing(uri, name)
    study, _ = definition_of(store, latest_parent(ledger, name), name)
    ours, others = chosen(ledger), foreign(store, ledger.experiment_id)
    long = tables(store, ours)
    long["curves"] = pd.concat([long["curves"], curves(store, others)])
    rows = [_ours(run, study) for run in ours] + [_other(run, study) for run in others]
    return {"runs": _runs(rows)} | {
        table: _sorted(long[table], [*keys, VALUE.get(table, "value")])
        for table, keys in LONG.items()
    }


def foreign(store: Store, experiment_id: str) -> list[Run]:
    """The experiment's runs that the harness did not log."""
    return [run for run in store.runs(experiment_id, "") if run.data.tags.get(IS_SCHEMA) != SCHEMA]


def _ours(run: Run, study: Study) -> dict[str, Any]:
    return row(run, study) | run.data.params | {"ours": "yes"}


def _other(run: Run, study: Study) -> dict[str, Any]:
    return row(run, study) | run.data.params | {
        "ours": "no", "run_key": key_of(run), "outcome": run.info.status.lower(),
    }  # fmt: skip


def _runs(rows: list[dict[str, Any]]) -> pd.DataFrame:
    fields = {name: field.annotation for name, field in Fields.model_fields.items()}
    kinds: dict[str, Any] = {
        **dict.fromkeys(LABELS, str), "seed": int, **fields, **dict.fromkeys(RESPONSES, float),
        "seconds": float, "diverged_step": int, **dict.fromkeys(PROVENANCE, str),
    }  # fmt: skip
    table = pd.DataFrame({name: column(rows, name, kind) for name, kind in kinds.items()})
    return table.sort_values(["ours", "variant", "seed", "run_key"], ascending=[False, *3 * [True]],
                             kind="stable", ignore_index=True)  # fmt: skip


def column(rows: list[dict[str, Any]], name: str, kind: Any) -> pd.Series:
    """One column, typed; what is not there, or cannot be read as that type, is missing."""
    values = [parsed(entry.get(name), kind) for entry in rows]
    return pd.Series(values, dtype=TYPES.get(kind, "str"))


def parsed(value: Any, kind: Any) -> Any:
    """A logged value as its type; None where it is none.

    >>> parsed("0.1", float), parsed("1", bool), parsed("many", int), parsed("all", int | str)
    (0.1, True, None, 'all')
    """
    if kind is bool:
        return TRUTH.get(str(value))
    try:
        return None if value in (None, "") else kind(value) if kind in TYPES else str(value)
    except ValueError:
        return None


def _sorted(table: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    types = {name: "str" if name in TEXTS else "int64" if name in WHOLE else "float64"
             for name in columns}  # fmt: skip
    return table[columns].astype(types).sort_values(columns, kind="stable", ignore_index=True)
