"""A result survives its file to the bit, and damaged bytes are noticed."""

from dataclasses import replace

import numpy as np
import pytest

from harness.subjects.corpus import Corpus
from harness.training.records import Result, pack, unpack
from tests.support.results import assert_equal
from tests.support.runs import grid, results


@pytest.fixture(scope="module")
def result(tiny: Corpus) -> Result:
    (found,) = results(grid(tiny, steps=20)[:1], tiny).values()
    return replace(found, ended=found.began + 1500)


def test_bytes_restore_a_result(result: Result) -> None:
    restored = Result.from_bytes(result.to_bytes())
    assert_equal(restored, result)
    assert restored.key == result.key
    assert restored.facts == result.facts
    assert 0 < restored.began < restored.ended
    assert (restored.began, restored.ended) == (result.began, result.ended)


@pytest.mark.parametrize("cut", [0, 1, 7, 100, -1])
def test_damaged_bytes_are_refused(result: Result, cut: int) -> None:
    with pytest.raises(ValueError, match="no readable result"):
        Result.from_bytes(result.to_bytes()[:cut])


def test_other_bytes_are_refused(result: Result) -> None:
    with pytest.raises(ValueError, match="no readable checkpoint"):
        unpack(result.to_bytes(), "checkpoint")
    with pytest.raises(ValueError, match="no readable result"):
        Result.from_bytes(pack({"a": np.zeros(1)}, "other", {}))


@pytest.mark.parametrize("shape", [(), (1,), (2, 3), (0, 2)])
def test_arrays_keep_their_shapes(shape: tuple[int, ...]) -> None:
    array = np.ones(shape).T
    arrays, _ = unpack(pack({"a": array}, "checkpoint", {}), "checkpoint")
    assert arrays["a"].shape == array.shape
    np.testing.assert_array_equal(arrays["a"], array)
