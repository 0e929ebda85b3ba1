"""Two variants are compared seed by seed, and found by what people would type."""

import math

import pytest

from harness.analysis.compare import compare, find_variant
from harness.errors import UserError
from harness.study.levels import Levels
from tests.support import simulated

FIRST = "none, naive, output_scale 1, depth 1"
SECOND = "batch, kaiming, output_scale 0.1, depth 5"


def truth(cell: Levels, seed: int) -> float:
    return 2 + 0.1 * (cell["norm"] == "none") + 0.01 * seed


DATA = simulated.data(simulated.study(), truth)


def test_the_difference_is_second_minus_first_paired_by_seed() -> None:
    (row,) = compare(DATA, FIRST, SECOND).to_dict("records")
    assert row["response"] == "final/dev_loss"
    assert row["first"] == pytest.approx(2.13)
    assert row["second"] == pytest.approx(2.03)
    assert row["estimate"] == row["low"] == row["high"] == pytest.approx(-0.1)
    assert row["n"] == 5


def test_a_response_that_diverged_runs_lack_is_not_compared() -> None:
    response, asked = "final/saturation_worst", simulated.study()
    runs = simulated.runs_of(asked, truth, response)
    out = (runs["variant"] == FIRST) & (runs["seed"] == 2)
    runs = runs.assign(outcome=["diverged" if one else "finished" for one in out])
    (row,) = compare(simulated.data(asked, truth, runs=runs), FIRST, SECOND).to_dict("records")
    assert math.isnan(row["estimate"])
    assert row["note"] == "NOT TESTABLE: of 10 runs, 1 diverged"


def test_part_of_a_name_is_enough_while_it_fits_one_variant() -> None:
    assert find_variant(DATA, "depth 5, kaiming, batch, output_scale 0.1") == SECOND
    with pytest.raises(UserError, match="which matches 6"):
        find_variant(DATA, "batch, kaiming")
    with pytest.raises(UserError, match="Did you mean"):
        find_variant(DATA, "batsch, kaiming, output_scale 0.1, depth 5")
    with pytest.raises(UserError, match="the two variants must differ"):
        compare(DATA, FIRST, FIRST)
