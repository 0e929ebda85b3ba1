"""Compiled code is kept between processes, unless a layer has changed or there is no room."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import numba
import pytest
from numba.core.caching import IndexDataCacheFile

from harness.subjects.char_mlp.layers.compiled import LayerCache, address_of, compiled

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


def double(number: int) -> int:
    return 2 * number


def hits_of_double(cache: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """How often code was found in a cache, when it was needed once."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(cache))
    function = compiled(double)
    assert function(4) == 8
    return sum(function.stats.cache_hits.values())


@pytest.mark.parametrize("kept", [b"", b"no pickle", None])
def test_a_damaged_cache_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: bytes | None
) -> None:
    found = [hits_of_double(tmp_path, monkeypatch)]
    for path in tmp_path.rglob("*.nb[ic]"):
        path.write_bytes(path.read_bytes()[:-9] if kept is None else kept)
    found += [hits_of_double(tmp_path, monkeypatch) for _ in range(2)]
    assert found == [0, 0, 1]


def test_code_is_compiled_where_the_cache_has_no_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    hits_of_double(tmp_path, monkeypatch)
    for path in tmp_path.rglob("*.nbi"):
        path.write_bytes(b"damaged")
    monkeypatch.setattr(IndexDataCacheFile, "_open_for_write", full)
    for cache in (tmp_path, tmp_path / "new"):
        assert [hits_of_double(cache, monkeypatch) for _ in range(2)] == [0, 0]


def test_code_is_compiled_where_no_folder_can_keep_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LayerCache._impl_class, "_locator_classes", [])
    assert hits_of_double(tmp_path, monkeypatch) == 0
    assert address_of(double, numba.int64(numba.int64)) != 0  # type: ignore[arg-type]


def test_an_environment_that_turns_compiling_off_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    assert [hits("one", tmp_path) for _ in range(2)] == [0, 1]
