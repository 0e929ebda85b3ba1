"""When this fails, the arithmetic of char_mlp has changed: raise the `version` of its subject.

Runs of an older version then count as other runs, and are never mixed with new ones. The numbers
are for people; the hash covers every bit of twenty runs, and is the same on every machine.
"""

import pytest

from harness.subjects.char_mlp import SUBJECT
from harness.subjects.corpus import Corpus
from tests.support.mini_grid import grid_hash, grid_rows
from tests.support.runs import grid, results

GOLDEN = {"5": [3.071, 3.038]}
GRID = {"5": "534f93fbd28ea926"}


def test_golden_numbers(tiny: Corpus) -> None:
    runs = grid(tiny)
    found = [
        round(float(result.trace.last("final_dev_loss")), 3)
        for result in results([runs[0], runs[6]], tiny).values()
    ]
    assert found == pytest.approx(GOLDEN[SUBJECT.version], abs=0.0011)


def test_golden_bits() -> None:
    assert grid_hash(grid_rows()) == GRID[SUBJECT.version]
