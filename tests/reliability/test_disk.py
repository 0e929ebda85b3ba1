"""A full disk, and one that must not be written: one message, and all goes on afterwards."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.reliability.kills import store
from tests.reliability.small import NAME, ROOT, command, furnish, run
from tests.tracking.small import picture

pytestmark = [pytest.mark.service, pytest.mark.timeout(600)]

# A mount of its own, which vanishes with the process; what matters of it is copied out before.
MOUNTED = """
mount -t tmpfs -o size={size}k none disk && cp -r place/. disk && cd disk || exit 99
{before}
PYTHONPATH={root} {python} -m tests.reliability.hurried 0.05 2 {command}
code=$?
{after}
cd .. && cp -r disk/. place
exit $code
"""


@pytest.fixture
def on_a_disk(tmp_path: Path) -> Callable[..., tuple[int, str]]:
    """Runs the study of the folder `place` on a small disk of its own."""
    unshare = shutil.which("unshare")
    if not unshare or subprocess.run([unshare, "-rm", "true"], check=False).returncode:
        pytest.skip("this machine lets nobody mount a file system of their own")
    (tmp_path / "disk").mkdir()

    def call(size: int, before: str = "", after: str = "") -> tuple[int, str]:
        script = MOUNTED.format(
            size=size, before=before, after=after, root=ROOT, python=sys.executable,
            command=" ".join(command()),
        )  # fmt: skip
        ended = subprocess.run(
            [unshare, "-rm", "bash", "-c", script], cwd=tmp_path, text=True, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        assert ended.returncode != 99, ended.stdout
        return ended.returncode, ended.stdout

    return call


@pytest.fixture
def place(template: Path, tmp_path: Path) -> Path:
    furnish(tmp_path / "place", steps=1000)
    shutil.copy(template, tmp_path / "place" / "mlflow.db")
    return tmp_path / "place"


def test_a_disk_that_fills_up_is_said_once_and_nothing_is_lost(
    on_a_disk: Callable[..., tuple[int, str]], place: Path, template: Path, tmp_path: Path
) -> None:
    other = furnish(tmp_path / "undisturbed", steps=1000)
    shutil.copy(template, other / "mlflow.db")
    assert run(other)[0] == 0
    size = template.stat().st_size // 1024
    for room in (40, 200, 500):
        code, output = on_a_disk(size + room)
        assert code == 2, output
        assert output.count("error: ") == 1
        assert "Traceback" not in output
        assert "Mend that; then the same command goes on where it stopped." in output
    code, output = run(place)
    assert code == 0, output
    expected, found = (picture(store(folder), NAME) for folder in (other, place))
    assert {key: found[key]["metrics"] for key in expected} == {
        key: expected[key]["metrics"] for key in expected
    }
    assert {run["status"] for run in found.values()} == {"FINISHED"}


def test_a_disk_that_must_not_be_written_is_said_and_left_alone(
    on_a_disk: Callable[..., tuple[int, str]], place: Path
) -> None:
    freeze, thaw = (f"mount -o remount,{how} $PWD" for how in ("ro", "rw"))
    code, output = on_a_disk(9000, freeze, thaw)
    assert code == 2, output
    assert output.endswith(
        "error: a study keeps its state where it is run, which needs room and permission; "
        f"received Read-only file system: {place.parent}/disk/.ablate/" + output.rpartition("/")[2]
    )
    assert not (place / ".ablate").exists()
