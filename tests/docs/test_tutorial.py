"""The tutorial, followed to the letter."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import TINY

ROOT = Path(__file__).parents[2]


def steps() -> list[tuple[str, str]]:
    """Its blocks in order: ("sh", commands), and files that name themselves."""
    text = (ROOT / "docs" / "tutorial.md").read_text("utf-8")
    return re.findall(r"```(sh|toml|python)\n(.*?)```", text, re.DOTALL)


@pytest.mark.service
@pytest.mark.timeout(900)
def test_every_command_of_the_tutorial(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("\n".join(TINY.split()))
    binaries = str(Path(sys.executable).parent)
    environment = {**os.environ, "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}"}
    environment.setdefault("ABLATE_DATA", str(tmp_path / "words.txt"))
    environment.pop("MLFLOW_TRACKING_URI", None)
    for kind, text in steps():
        if kind != "sh":
            name = text.splitlines()[0].removeprefix("# ")
            (tmp_path / name).write_text(text)
            continue
        for command in text.strip().splitlines():
            if command.startswith(("make", "source")):
                continue  # the set-up that this test is run from
            done = subprocess.run(
                command, shell=True, cwd=tmp_path, env=environment,
                capture_output=True, text=True, timeout=300, check=False,
            )  # fmt: skip
            assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
            assert done.stdout.strip(), command
    assert (tmp_path / "reports" / "smoke" / "index.html").exists()
    assert (tmp_path / "reports" / "gain" / "index.html").exists()
    assert "SUPPORTED" in (tmp_path / "reports" / "digits" / "report.md").read_text()
