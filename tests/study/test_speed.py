"""The expected time follows from the last measurement, if that was of enough work."""

from pathlib import Path

import pytest

from harness.study.files import load_study
from harness.study.plan import Costs, expand, make_stacks
from harness.study.speed import DEFAULT_RATE, expected_seconds, record_speed
from harness.subjects.char_mlp import SUBJECT
from harness.subjects.corpus import Corpus


@pytest.fixture
def costs(tiny: Corpus) -> Costs:
    return Costs(SUBJECT, tiny)


def test_without_a_measurement_it_is_a_guess(costs: Costs, tmp_path: Path) -> None:
    runs = expand(load_study("core"), "digest")
    seconds, measured = expected_seconds(make_stacks(runs, costs), costs, 1, tmp_path)
    assert not measured
    assert seconds == pytest.approx(DEFAULT_RATE * costs.of_runs(runs))


def test_the_time_of_a_study_is_expected_of_it_again(costs: Costs, tmp_path: Path) -> None:
    runs = expand(load_study("core"), "digest")
    record_speed("char_mlp", 300.0, costs.of_runs(runs), tmp_path)
    stacks = make_stacks(runs, costs)
    seconds, measured = expected_seconds(stacks, costs, 1, tmp_path)
    assert measured
    assert seconds == pytest.approx(300.0)
    alone, together = (
        expected_seconds(make_stacks(runs, costs, n), costs, n, tmp_path)[0] for n in (1, 2)
    )
    assert together == pytest.approx(alone / 2, rel=0.1)


def test_too_little_work_is_not_remembered(costs: Costs, tmp_path: Path) -> None:
    work = costs.of_runs(expand(load_study("smoke"), "digest"))
    for seconds in (10.0, 60.0):  # a minute of it is compiling, or a busy machine
        record_speed("char_mlp", seconds, work, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_every_subject_has_a_rate_of_its_own(costs: Costs, tmp_path: Path) -> None:
    runs = expand(load_study("core"), "digest")
    stacks = make_stacks(runs, costs)
    record_speed("char_transformer", 300.0, 1e9, tmp_path)
    assert not expected_seconds(stacks, costs, 1, tmp_path)[1]
    record_speed("char_mlp", 300.0, costs.of_runs(runs), tmp_path)
    seconds, measured = expected_seconds(stacks, costs, 1, tmp_path)
    assert measured
    assert seconds == pytest.approx(300.0)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"char_mlp": "fast"}', '{"char_mlp": null}'])
def test_a_damaged_measurement_is_no_measurement(costs: Costs, tmp_path: Path, text: str) -> None:
    record_speed("char_mlp", 300.0, 1e9, tmp_path)
    (file,) = (path for path in tmp_path.rglob("*") if path.is_file())
    file.write_text(text)
    stacks = make_stacks(expand(load_study("smoke"), "digest"), costs)
    assert not expected_seconds(stacks, costs, 1, tmp_path)[1]


def test_each_subject_keeps_its_own_rate(costs: Costs, tmp_path: Path) -> None:
    runs = expand(load_study("core"), "digest")
    work = costs.of_runs(runs)
    record_speed("char_mlp", 300.0, work, tmp_path)
    record_speed("another", 600.0, work, tmp_path)
    seconds, measured = expected_seconds(make_stacks(runs, costs), costs, 1, tmp_path)
    assert measured
    assert seconds == pytest.approx(300.0)
