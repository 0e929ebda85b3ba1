"""The same bits on every machine: runs and reports, on this one and on others that it emulates."""

import json
from pathlib import Path

import pytest

from harness.subjects.char_mlp import SUBJECT
from tests.conftest import TINY
from tests.support import inprocess
from tests.support.commands import ABLATE
from tests.support.machines import MACHINES
from tests.support.mini_grid import Rows, grid_hash, grid_rows
from tests.training.test_golden import GRID

STUDY = """
question = "Which parts does a small network need?"
data = "words.txt"
seeds = 6
[fixed]
steps = 60
width = 20
[factors]
norm = ["none", "batch"]
init = ["naive", "kaiming"]
depth = [1, 2, 4]
[baseline]
norm = "batch"
init = "kaiming"
depth = 2
[bare]
norm = "none"
init = "naive"
[[claims]]
id = "norm"
says = "BatchNorm lowers the loss"
kind = "difference"
factor = "norm"
level = "batch"
versus = "none"
over = "mean"
"""

on_every_machine = pytest.mark.parametrize(
    "machine",
    [
        pytest.param(name, marks=pytest.mark.skipif(not it.is_possible(), reason="cannot emulate"))
        for name, it in MACHINES.items()
        if name != "native"  # what the others are compared with
    ],
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small study in its store."""
    folder = tmp_path_factory.mktemp("store")
    (folder / "words.txt").write_text("\n".join(TINY.split()))
    (folder / "small.toml").write_text(STUDY)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("ABLATE_DATA", raising=False)
        inprocess.run_undisturbed(folder, "run", "small.toml")
    return folder


@pytest.fixture(scope="module")
def report(store: Path) -> dict[str, bytes]:
    """Its report as this machine makes it."""
    return made_by("native", store)


def made_by(machine: str, store: Path) -> dict[str, bytes]:
    MACHINES[machine].run(store, *ABLATE, "report", "small.toml", "--format", "png,svg,pdf",
                          "--output", machine)  # fmt: skip
    return inprocess.contents(store / machine)


@pytest.fixture(scope="module")
def grid() -> Rows:
    """The digests of the mini-grid as this machine trains it."""
    return grid_rows()


@pytest.mark.service
@pytest.mark.timeout(1000)
@on_every_machine
def test_every_bit_of_the_mini_grid_is_the_same(machine: str, grid: Rows, tmp_path: Path) -> None:
    program = ("-m", "tests.support.emulated", "tests.support.mini_grid")
    found: Rows = json.loads(MACHINES[machine].run(tmp_path, *program))
    differing = {
        variant: [name for name, digest in row.items() if grid[variant].get(name) != digest]
        for variant, row in found.items()
    }
    assert {variant: names for variant, names in differing.items() if names} == {}
    assert grid_hash(found) == GRID[SUBJECT.version]


@pytest.mark.service
@on_every_machine
def test_every_byte_of_a_report_is_the_same(
    machine: str, store: Path, report: dict[str, bytes]
) -> None:
    found = made_by(machine, store)
    assert {
        "index.html",
        "report.md",
        "data/claims.csv",
        "figures/gradient_init.png",
    } <= found.keys()
    assert {name for name in found | report if found.get(name) != report.get(name)} == set()
