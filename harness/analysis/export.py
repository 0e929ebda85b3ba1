"""A study's runs as tidy files for other programs: one row a run, one row a measured value."""

import json
from collections.abc import Collection, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from pyarrow import csv
from pyarrow import parquet as pq

from harness.analysis.frames import ROW_ORDER, TEXT_OF_A_RUN
from harness.analysis.gather import Stored, run_tables
from harness.errors import UserError
from harness.files import read_json, require_free, write_atomically
from harness.study.study import Study

BINS = "histograms"  # the table of their bins
LIST = "exported.json"  # names the files that exports wrote to a folder, itself among them
LABELS = ("ours", "run_key", "run_id", "run_name", "outcome", "variant")
TYPES: dict[Any, str] = {int: "Int64", float: "float64", bool: "boolean"}  # others are text
BOOLEANS = {"0": False, "1": True, "false": False, "true": True}


def export(stored: Stored, folder: Path, *, bins: bool = False) -> dict[str, int]:
    """Write the tables as CSV and as Parquet.

    Args:
        stored: the study with all its runs. In `runs`, the column `ours` is "true" or "false":
            whether the harness logged the run; fields stand as they were logged.
        folder: is created if missing.
        bins: whether to write histograms too, which take four times the space of all the rest.
            Without them, those of an earlier export are removed.

    Returns:
        How many rows each table has.

    Raises:
        UserError: as `put_files` says.
    """
    tables = export_tables(stored, bins=bins)
    files: dict[str, bytes] = {}
    for name, table in tables.items():
        arrow = pa.Table.from_pandas(table, preserve_index=False)
        columns, rows = BytesIO(), BytesIO()
        pq.write_table(arrow, columns)
        csv.write_csv(arrow, rows)  # Arrow's writer: histograms may have half a million rows
        files |= {f"{name}.parquet": columns.getvalue(), f"{name}.csv": rows.getvalue()}
    put_files(files, folder, () if bins else (f"{BINS}.parquet", f"{BINS}.csv"))
    return {name: len(table) for name, table in tables.items()}


def put_files(files: Mapping[str, bytes], folder: Path, outdated: Collection[str] = ()) -> None:
    """Write files to a folder of exports, which keeps a list of them in `LIST`.

    Args:
        files: by name.
        folder: is created if missing. Files of earlier exports are replaced.
        outdated: files of earlier exports that are removed.

    Raises:
        UserError: a file of one of these names was not written by an export, and nothing was
            changed; or the folder cannot be written.
    """
    earlier = _exported(folder)
    require_free(folder, {*files, LIST} - earlier, "export", "--to")
    removed = earlier & {*outdated}
    listed = json.dumps(sorted((earlier - removed) | {*files, LIST}), indent=1)
    try:
        # The list first: what a killed command leaves is not taken for another's later.
        for name, content in {LIST: f"{listed}\n".encode(), **files}.items():
            write_atomically(folder / name, content)
        for name in removed:
            (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise UserError(
            "the folder of an export must be writable",
            f"{folder} ({error.strerror})",
            "Make it writable, or name another folder with --to.",
        ) from None


def _exported(folder: Path) -> set[str]:
    """The files that exports wrote to a folder, their list included; none without a list."""
    try:
        listed = read_json(folder / LIST)
    except (OSError, ValueError):
        return set()
    return {name for name in listed if isinstance(name, str)} if isinstance(listed, list) else set()


def export_tables(stored: Stored, *, bins: bool) -> dict[str, pd.DataFrame]:
    """The runs, and the tables of `harness.analysis.gather.RUN_TABLES`, which name runs by key."""
    tables = {"runs": typed_runs(stored.runs, stored.study)}
    for name, table in run_tables(stored, None if bins else ()).items():
        if name == BINS and not bins:
            continue
        order = ["run_key", *(key for key in ROW_ORDER if key in table), *table.columns[-1:]]
        tables[name] = table.sort_values(order, kind="stable", ignore_index=True)
    return tables


def typed_runs(runs: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Every run with labels, seed, all fields, responses and provenance; ours come first.

    What is missing, or cannot be read as its column's type, is a missing value.
    """
    subject = study.model
    fields = {name: field.annotation for name, field in subject.Fields.model_fields.items()}
    kinds: dict[str, Any] = {
        **dict.fromkeys(LABELS, str), "seed": int, **fields,
        **dict.fromkeys(subject.responses, float), "seconds": float, "diverged_step": int,
        **dict.fromkeys((name for name in TEXT_OF_A_RUN if name not in LABELS), str),
    }  # fmt: skip
    columns = {
        name: pd.Series(
            [parsed(value, kind) for value in runs.get(name, [None] * len(runs))],
            dtype=TYPES.get(kind, "str"),
        )
        for name, kind in kinds.items()
    }
    order = ["ours", "variant", "seed", "run_key"]
    return pd.DataFrame(columns).sort_values(
        order, ascending=[False, True, True, True], kind="stable", ignore_index=True
    )


def parsed(value: Any, kind: Any) -> Any:
    """A logged value as its type; None where it is none.

    >>> parsed("0.1", float), parsed("1", bool), parsed("many", int), parsed("all", int | str)
    (0.1, True, None, 'all')
    """
    if kind is bool:
        return BOOLEANS.get(str(value).lower())
    try:
        if pd.isna(value) or value == "":
            return None
        return kind(value) if kind in TYPES else str(value)
    except ValueError:
        return None
