"""What every command does, whatever it is: failures of files, and the environment's wishes."""

import errno
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.cli import show_warnings
from harness.errors import UserError
from harness.store.store import Store
from harness.subjects import corpus
from tests.store.conftest import template, uri
from tests.support.commands import ROOT
from tests.support.inprocess import ablate

__all__ = ["template", "uri"]

AGAIN = "Free some space or change the permissions, and run the same command again."


def fails(number: int, file: str | None = "figures/effects.png") -> Callable[..., None]:
    """A function whose files cannot be written."""

    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number), file)

    return fail


@pytest.mark.parametrize(
    ("number", "why"),
    [
        (errno.ENOSPC, "No space left on device"),
        (errno.EDQUOT, "Disk quota exceeded"),
        (errno.EACCES, "Permission denied"),
        (errno.EROFS, "Read-only file system"),
    ],
)
def test_a_command_whose_files_cannot_be_written_says_so_in_one_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: int, why: str
) -> None:
    monkeypatch.setattr(corpus, "load_corpus", fails(number))
    code, _, errors = ablate(capsys, "data")
    assert (code, errors) == (
        2,
        f"error: files need free space and permission; received {why}: figures/effects.png. "
        f"{AGAIN}\n",
    )


def test_a_disk_without_room_for_temporary_files_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails_to_find() -> None:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_get_default_tempdir", fails_to_find)
    monkeypatch.setattr(corpus, "load_corpus", lambda *_: tempfile.mkdtemp())
    code, _, errors = ablate(capsys, "data")
    assert (code, errors) == (
        2,
        "error: files need free space and permission; received No usable temporary directory "
        f"found in ['/tmp']. {AGAIN}\n",
    )


@pytest.mark.parametrize(
    ("failure", "why"),
    [
        (OSError(errno.EMFILE, "Too many open files", "names.txt"), "Too many open files"),
        (OSError(errno.EFBIG, "File too large"), "File too large"),
        (BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"), "Resource temporarily"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "Cannot allocate memory"),
        (MemoryError(), "too little memory"),
        (
            ImportError("libx.so: failed to map segment from shared object"),
            "libx.so: failed to map",
        ),
    ],
)
def test_a_limit_of_the_machine_is_one_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    failure: Exception, why: str,
) -> None:  # fmt: skip
    def fail(*_: object) -> None:
        raise failure

    monkeypatch.setattr(corpus, "load_corpus", fail)
    code, _, errors = ablate(capsys, "data")
    assert code == 2
    assert errors.startswith(
        f"error: the limits of this machine must leave the command what it needs; received {why}"
    )
    assert errors.count("\n") == 1


def test_a_failure_that_no_user_can_mend_keeps_its_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(corpus, "load_corpus", fails(errno.EBADF))
    with pytest.raises(OSError, match="Bad file descriptor"):
        ablate(capsys, "data")


def test_files_that_mlflow_cannot_copy_are_one_message(uri: str, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    for name in ("data", "figures"):
        (tmp_path / "report" / name).mkdir(parents=True)
        (tmp_path / "there" / name).touch()
    with pytest.raises(UserError) as error, Store.existing(uri).reach():
        shutil.copytree(tmp_path / "report", tmp_path / "there", dirs_exist_ok=True)
    assert error.value.rule == "the store needs free space and write permission"
    assert str(error.value.received).startswith("[Errno 17] File exists: ")


@pytest.mark.parametrize(
    ("failure", "rule"),
    [
        (sqlite3.OperationalError("disk I/O error"), "the MLflow database must be readable and"),
        (sqlite3.OperationalError("unable to open database file"), "the MLflow database must be"),
        (OSError(errno.EMFILE, "Too many open files"), "the limits of this machine must leave"),
        (OSError(errno.EFBIG, "File too large"), "the limits of this machine must leave"),
    ],
)
def test_a_local_store_that_fails_for_good_is_not_waited_for(
    uri: str, failure: Exception, rule: str
) -> None:
    with pytest.raises(UserError) as error, Store.existing(uri).reach():
        raise failure
    assert error.value.rule.startswith(rule)


@pytest.mark.parametrize(
    ("options", "shown"),
    [(["error"], True), (["e::UserWarning"], True), (["ignore"], False), ([], False)],
)
def test_warnings_that_the_environment_makes_errors_of_are_shown(
    monkeypatch: pytest.MonkeyPatch, options: list[str], shown: bool
) -> None:
    monkeypatch.setattr(sys, "warnoptions", options)
    monkeypatch.setenv("PYTHONWARNINGS", "as it was")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        show_warnings()
        if shown:
            with pytest.warns(UserWarning, match="of a library"):
                warnings.warn("of a library", UserWarning, stacklevel=1)
        else:
            with pytest.raises(UserWarning, match="of a library"):
                warnings.warn("of a library", UserWarning, stacklevel=1)
    assert os.environ["PYTHONWARNINGS"] == ("default" if shown else "as it was")
    assert sys.warnoptions == (["default"] if shown else options)


def test_figures_are_drawn_where_a_notebook_names_a_backend_that_is_missing() -> None:
    code = (
        "import sys; from harness.cli import main; sys.argv = ['ablate', '--version']\n"
        "try: main()\n"
        "except SystemExit: import matplotlib.figure"
    )
    environment = {**os.environ, "MPLBACKEND": "module://matplotlib_inline.backend_inline"}
    command = [sys.executable, "-c", code]
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, b"")


@pytest.mark.parametrize("flags", [["-bb"], ["-b", "-W", "error"]])
def test_warnings_about_bytes_keep_no_process_from_starting(flags: list[str]) -> None:
    code = (
        "from harness.cli import show_warnings; show_warnings();"
        "import subprocess; print(subprocess._args_from_interpreter_flags())"
    )
    command = [sys.executable, *flags, "-c", code]
    started = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert flags[0] in started.stdout
