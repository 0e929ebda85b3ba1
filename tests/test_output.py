"""Output on terminals of other encodings, and into pipes whose readers leave."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.commands import ABLATE, ROOT

STUDY = """
question = "Is B − A ≤ 0 für δ → 0 … in 日本?"
seeds = 1
[factors]
norm = ["none", "batch"]
[baseline]
norm = "batch"
"""


def environment(**changes: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "ABLATE_DATA": "embedded", **changes}


@pytest.mark.parametrize(
    ("encoding", "question"),
    [
        ("utf-8", "Is B − A ≤ 0 für δ → 0 … in 日本?"),
        ("cp1252", "Is B - A <= 0 für delta -> 0 … in ???"),
        ("latin-1", "Is B - A <= 0 für delta -> 0 ... in ???"),
    ],
)
def test_what_an_encoding_lacks_is_written_in_ascii(
    tmp_path: Path, encoding: str, question: str
) -> None:
    (tmp_path / "odd.toml").write_text(STUDY, encoding="utf-8")
    ended = subprocess.run(
        [sys.executable, *ABLATE, "plan", "odd.toml"],
        cwd=tmp_path, env=environment(PYTHONIOENCODING=encoding), capture_output=True, check=False,
    )  # fmt: skip
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert ended.stdout.decode(encoding).splitlines()[0] == f"odd: {question}"


@pytest.mark.parametrize("buffered", ["", "1"])
def test_a_pipe_that_must_not_block_gets_everything(tmp_path: Path, buffered: str) -> None:
    code = "from harness.output import open_output; open_output(); print('x' * 300_000)"
    ours, theirs = os.pipe()
    os.set_blocking(theirs, False)
    process = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, stdout=theirs,
                               env=environment(PYTHONUNBUFFERED=buffered))  # fmt: skip
    os.close(theirs)
    time.sleep(1)  # a slow reader: the pipe is full by now
    with open(ours, "rb") as pipe:
        assert len(pipe.read()) == 300_001
    assert process.wait(timeout=60) == 0


@pytest.mark.parametrize("buffered", ["", "1"])
def test_a_reader_that_leaves_ends_nothing(tmp_path: Path, buffered: str) -> None:
    process = subprocess.Popen(
        [sys.executable, *ABLATE, "plan", "core"],
        cwd=tmp_path, env=environment(PYTHONUNBUFFERED=buffered),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    process.stdout.close()
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, b"")


def test_a_message_into_a_closed_pipe_keeps_its_exit_code(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, *ABLATE, "plan", "nothing"],
        cwd=tmp_path, env=environment(), stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    process.stderr.close()
    assert process.wait(timeout=60) == 2


@pytest.mark.parametrize("buffered", ["", "1"])
def test_output_to_a_full_disk_is_said_to_be_lost(tmp_path: Path, buffered: str) -> None:
    with open("/dev/full", "w") as full:
        ended = subprocess.run(
            [sys.executable, *ABLATE, "--version"], cwd=tmp_path, stdout=full,
            env=environment(PYTHONUNBUFFERED=buffered), stderr=subprocess.PIPE, check=False,
        )  # fmt: skip
    assert (ended.returncode, ended.stderr.decode()) == (
        2,
        "error: the output of the command must be writable; received No space left on device: "
        "stdout. Everything else is done. Free some space, and run the same command again.\n",
    )


def test_a_message_that_a_full_disk_takes_keeps_its_exit_code(tmp_path: Path) -> None:
    with open("/dev/full", "w") as full:
        ended = subprocess.run(
            [sys.executable, *ABLATE, "plam"], cwd=tmp_path, env=environment(), stderr=full,
            check=False,
        )  # fmt: skip
    assert ended.returncode == 2


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_streams_that_are_closed_end_nothing_and_lend_their_numbers_to_no_file(
    tmp_path: Path, closed: str
) -> None:
    code = (
        "import os, sys; from harness.output import open_output; open_output();"
        "print(sys.stdin.isatty()); print(1, file=sys.stderr); sys.stdout.flush();"
        "sys.exit(os.open(os.devnull, os.O_RDONLY) < 3)"
    )
    ended = subprocess.run(
        f'"{sys.executable}" -c "{code}" {closed}',
        shell=True, cwd=tmp_path, env=environment(), check=False,
    )  # fmt: skip
    assert ended.returncode == 0
