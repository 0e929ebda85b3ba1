"""The installed command, and the small study trained by it against any store."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.support.small_study import NAME, command, write_study
from tests.support.stores import picture

ABLATE = str(Path(sys.executable).with_name("ablate"))
STEPS = 200


def ablate(folder: Path, *arguments: str, **environment: str) -> tuple[int, str]:
    """Exit code and all output of the command in a folder."""
    ended = subprocess.run(
        [ABLATE, *arguments],
        cwd=folder,
        env={**os.environ, **environment},
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=240,
    )
    return ended.returncode, ended.stdout


def train(folder: Path, uri: str, **environment: str) -> dict[str, Any]:
    """Run the study in a folder against a store; returns a picture of what it then holds."""
    write_study(folder, STEPS)
    code, output = ablate(folder, "--tracking-uri", uri, *command(), **environment)
    assert code == 0, output
    return picture(uri, NAME)
