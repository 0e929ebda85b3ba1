"""Compiled code is kept from one process to the next, unless a layer has changed."""

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import numpy as np
from harness.subjects.char_mlp.layers import compiled
compiled.SOURCES = "{sources}"
from harness.subjects.char_mlp.layers.steps import load
one = np.zeros(1, np.int64)
load(one[None], one, one, np.zeros(2, np.int64))
print(sum(load.stats.cache_hits.values()))
"""


def hits(sources: str, cache: Path) -> int:
    """How often code of earlier processes was used."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(sources=sources)],
        env={**os.environ, "NUMBA_CACHE_DIR": str(cache)},
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout)


def test_a_change_of_any_layer_compiles_anew(tmp_path: Path) -> None:
    assert [hits(sources, tmp_path) for sources in ("one", "one", "other")] == [0, 1, 0]
