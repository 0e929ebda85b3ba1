"""The expected time rests on what was measured last, if that was work enough to tell."""

from pathlib import Path

import pytest

from harness.study.plan import cohort_cost, expand, stack
from harness.study.speed import TYPICAL, expected_seconds, remember, tells
from harness.study.study import load_study


def test_without_a_measurement_it_is_a_guess(tmp_path: Path) -> None:
    assert not tells(expand(load_study("smoke"), "digest"))
    assert tells(expand(load_study("core"), "digest"))
    cohorts = stack(expand(load_study("core"), "digest"))
    seconds, measured = expected_seconds(cohorts, 1, tmp_path)
    assert not measured
    assert seconds == pytest.approx(TYPICAL * sum(map(cohort_cost, cohorts)))


def test_what_a_study_took_is_expected_of_it_again(tmp_path: Path) -> None:
    runs = expand(load_study("core"), "digest")
    remember(300.0, runs, tmp_path)
    assert expected_seconds(stack(runs), 1, tmp_path) == (pytest.approx(300.0), True)
    alone, together = (expected_seconds(stack(runs, n), n, tmp_path)[0] for n in (1, 2))
    assert together == pytest.approx(alone / 2, rel=0.1)
