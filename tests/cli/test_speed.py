"""Commands that only read answer at once, also on a store of 200 runs."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.store.conftest import template, uri
from tests.support.commands import ABLATE, ROOT
from tests.support.stores import STUDY, grid, result, study, tracker

__all__ = ["template", "uri"]

SECONDS = 2.5  # of processor time, for what takes about one on a machine that is not busy


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
                ("compare", "small", "norm=none", "norm=batch"), ("export", "small")]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("ABLATE_DATA", None)
    done = subprocess.run([sys.executable, "-c", QUICK.format(commands=commands)], cwd=tmp_path,
                          env=environment, capture_output=True, text=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.service
def test_plan_and_compare_take_about_a_second(uri: str, tmp_path: Path) -> None:
    asked = study(seeds=list(range(1, 51)))
    with tracker(uri, asked) as tracked:
        for run in grid(asked):
            tracked.deliver(result(run))
    (tmp_path / "small.toml").write_text(STUDY.replace("seeds = 2", "seeds = 50"))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("ABLATE_DATA", None)
    for words in (("plan", "small", "--data", "embedded"),
                  ("compare", "small", "norm=none", "norm=batch")):  # fmt: skip
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        done = subprocess.run([sys.executable, *ABLATE, *words], cwd=tmp_path, env=environment,
                              capture_output=True, text=True, check=False)  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert "200 runs" in done.stdout
        assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before < SECONDS, words
