"""Commands that only read answer at once, also on a store of 200 runs."""

import fcntl
import os
import pty
import re
import resource
import shutil
import struct
import subprocess
import sys
import termios
from contextlib import suppress
from pathlib import Path

import pytest

from harness.store.uri import sqlite_uri
from tests.store.conftest import template, uri
from tests.store.registered import fill
from tests.support.commands import ABLATE, ROOT
from tests.support.stores import STUDY, grid, result, study, tracker

__all__ = ["template", "uri"]

# Of processor time, two to three times what they take on a machine that is not busy.
READING, EXPORTING, TORCH, MLFLOW = 2.5, 4.0, 6.0, 8.0

QUICK = """
import sys
from harness.cli import main
for words in {commands!r}:
    sys.argv = ["ablate", *words]
    try:
        main()
    except SystemExit as ended:
        assert not ended.code, words
    loaded = {{"mlflow", "torch", "numba", "matplotlib"}} & set(sys.modules)
    assert not loaded, (words, loaded)
"""


def test_commands_that_read_a_local_store_load_no_large_library(uri: str, tmp_path: Path) -> None:
    asked = study(seeds=[1, 2])
    with tracker(uri, asked) as tracked:
        for run in grid(asked):
            tracked.deliver(result(run))
    (tmp_path / "small.toml").write_text(STUDY)
    commands = [("list",), ("plan", "small", "--data", "embedded"),
                ("compare", "small", "norm=none", "norm=batch"), ("export", "small"),
                ("show", "small", "seed=2")]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("ABLATE_DATA", None)
    done = subprocess.run([sys.executable, "-c", QUICK.format(commands=commands)], cwd=tmp_path,
                          env=environment, capture_output=True, text=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def large(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose store has 200 runs with weights."""
    folder = tmp_path_factory.mktemp("large")
    shutil.copy(template, folder / "mlflow.db")
    (folder / "small.toml").write_text(STUDY.replace("seeds = 2", "seeds = 50"))
    fill(sqlite_uri(folder / "mlflow.db"), study(seeds=list(range(1, 51))))
    return folder


def alone() -> dict[str, str]:
    """The environment of commands that name no data and no store."""
    left = ("ABLATE_DATA", "MLFLOW_TRACKING_URI")
    kept = {name: value for name, value in os.environ.items() if name not in left}
    return {**kept, "PYTHONPATH": str(ROOT)}


@pytest.mark.service
@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        ("list", READING),
        ("plan small --data embedded", READING),
        ("compare small norm=none norm=batch", READING),
        ("export small", EXPORTING),
        ("show small seed=2", READING),
        ("sample small seed=2", TORCH),
        ("doctor", MLFLOW),
        ("data", READING),
    ],
)
def test_commands_answer_at_once_within_80_columns(large: Path, words: str, seconds: float) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    said = on_a_terminal(large, *words.split())
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before < seconds
    # A terminal breaks sentences itself; it is tables that would fall apart.
    tables = [line for line in said.splitlines() if "  " in line.strip()]
    assert [line for line in tables if len(line) > 80] == []


def on_a_terminal(folder: Path, *words: str) -> str:
    """What a command says on a terminal of 80 columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    process = subprocess.Popen([sys.executable, *ABLATE, *words], cwd=folder, env=alone(),
                               stdin=theirs, stdout=theirs, stderr=theirs)  # fmt: skip
    os.close(theirs)
    said = b""
    with suppress(OSError):  # the terminal is closed by the command's end
        while part := os.read(ours, 4096):
            said += part
    os.close(ours)
    assert process.wait() == 0, said.decode()
    return re.sub(r"\x1b\[[\d;]*m", "", said.decode())  # without colours
