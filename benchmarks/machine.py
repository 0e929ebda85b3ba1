"""Which machine was measured, and what was found, for the record."""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from benchmarks.rows import Row
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
