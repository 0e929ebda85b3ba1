"""Which machine was measured, and what was found, for the record."""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, fields
from importlib.metadata import version
from pathlib import Path

from benchmarks.rows import Row
from benchmarks.timing import Measured
from harness.files import write_atomically


def describe() -> str:
    """The machine and the versions that matter, in one line."""
    import torch

    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        models = [
            line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")
        ]
        name = models[0].partition(":")[2].strip() if models else name
    packages = ", ".join(f"{package} {version(package)}" for package in ("torch", "numba", "numpy"))
    return (
        f"{name}, {os.cpu_count()} cores, {torch.backends.cpu.get_cpu_capability()}, "
        f"Python {platform.python_version()}, {packages}"
    )


def write_json(rows: Sequence[Row], machine: str, path: Path) -> None:
    """Keep every row with all its measurements."""
    found = [
        asdict(row) | {"median": row.measured.median, "verdict": row.verdict()} for row in rows
    ]
    text = json.dumps({"machine": machine, "rows": found}, indent=1, ensure_ascii=False)
    write_atomically(path, text.encode())


def read_json(path: Path) -> tuple[list[Row], str]:
    """The rows and the machine that `write_json` wrote."""
    whole = json.loads(path.read_text(encoding="utf-8"))
    kept = [field.name for field in fields(Row) if field.name != "measured"]
    rows = [Row(measured=Measured(**row["measured"]), **{name: row[name] for name in kept})
            for row in whole["rows"]]  # fmt: skip
    return rows, whole["machine"]
