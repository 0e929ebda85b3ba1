"""A full disk and a read-only one: one message, and the next command continues."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.inprocess import run_undisturbed
from tests.support.kills import store
from tests.support.small_study import NAME, ROOT, command, run, write_study
from tests.support.stores import picture

pytestmark = [pytest.mark.service, pytest.mark.timeout(600)]

# A mount of its own, which vanishes with the process; what matters of it is copied out before.
MOUNTED = """
mount -t tmpfs -o size={size}k none disk && cp -r folder/. disk && cd disk || exit 99
{before}
PYTHONPATH={root} {python} -m tests.support.hurried 0.05 2 {command}
code=$?
{after}
cd .. && cp -r disk/. folder
exit $code
"""


@pytest.fixture
def run_on_disk(tmp_path: Path) -> Callable[..., tuple[int, str]]:
    """Runs the study of `folder` on a small disk of its own."""
    unshare = shutil.which("unshare")
    if not unshare or subprocess.run([unshare, "-rm", "true"], check=False).returncode:
        pytest.skip("this machine lets nobody mount a file system of their own")
    (tmp_path / "disk").mkdir()

    def call(size: int, before: str = "", after: str = "") -> tuple[int, str]:
        script = MOUNTED.format(
            size=size,
            before=before,
            after=after,
            root=ROOT,
            python=sys.executable,
            command=" ".join(command()),
        )
        ended = subprocess.run(
            [unshare, "-rm", "bash", "-c", script],
            cwd=tmp_path,
            text=True,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert ended.returncode != 99, ended.stdout
        return ended.returncode, ended.stdout

    return call


@pytest.fixture
def folder(template: Path, tmp_path: Path) -> Path:
    write_study(tmp_path / "folder", steps=1000)
    shutil.copy(template, tmp_path / "folder" / "mlflow.db")
    return tmp_path / "folder"


def test_a_disk_that_fills_up_is_reported_once_and_nothing_is_lost(
    run_on_disk: Callable[..., tuple[int, str]], folder: Path, template: Path, tmp_path: Path
) -> None:
    other = write_study(tmp_path / "undisturbed", steps=1000)
    shutil.copy(template, other / "mlflow.db")
    run_undisturbed(other, *command())
    size = template.stat().st_size // 1024
    for room in (40, 200, 500):
        code, output = run_on_disk(size + room)
        assert code == 2, output
        assert output.count("error: ") == 1
        assert "Traceback" not in output
        assert (
            "Free some space or change the permissions; the same command then continues." in output
        )
    code, output = run(folder)
    assert code == 0, output
    expected, found = (picture(store(place), NAME) for place in (other, folder))
    assert {key: found[key]["metrics"] for key in expected} == {
        key: expected[key]["metrics"] for key in expected
    }
    assert {run["status"] for run in found.values()} == {"FINISHED"}


def test_a_read_only_disk_is_reported_and_left_alone(
    run_on_disk: Callable[..., tuple[int, str]], folder: Path
) -> None:
    freeze, thaw = (f"mount -o remount,{how} $PWD" for how in ("ro", "rw"))
    code, output = run_on_disk(9000, freeze, thaw)
    assert code == 2, output
    assert output.endswith(
        "error: the state of a study needs free space and write permission; "
        f"received Read-only file system: {folder.parent}/disk/.ablate/" + output.rpartition("/")[2]
    )
    assert not (folder / ".ablate").exists()
