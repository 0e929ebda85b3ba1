"""The benchmarks: their arithmetic, and the program from end to end."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.__main__ import main
from benchmarks.cores import spell, workers
from benchmarks.rows import Row
from benchmarks.timing import Measured, side_by_side


def test_ratios_are_taken_round_by_round() -> None:
    ratio = Measured((1.0, 8.0, 3.0)).over(Measured((2.0, 2.0, 2.0)), scale=10)
    assert ratio.values == (5.0, 40.0, 15.0)
    assert str(ratio) == "15 (5–40)"


@pytest.mark.parametrize(
    ("value", "at_least", "verdict"),
    [
        *[(2.1, False, "MISSED"), (2.0, False, "met"), (1.5, False, "beyond")],
        *[(1.4, True, "MISSED"), (1.5, True, "met"), (2.0, True, "beyond")],
    ],
)
def test_a_row_is_compared_with_its_targets(value: float, at_least: bool, verdict: str) -> None:
    target, beyond = (1.5, 2.0) if at_least else (2.0, 1.5)
    assert Row("it", Measured((value,)), "×", target, beyond, at_least).verdict() == verdict
    assert Row("it", Measured((value,))).verdict() == ""


def test_ways_take_turns_in_every_round() -> None:
    called: list[str] = []
    one, two = side_by_side([lambda: called.append("one"), lambda: called.append("two")], rounds=3)
    order = [name for i, name in enumerate(called) if i == 0 or called[i - 1] != name]
    assert order == ["one", "two"] * 4  # once to warm up
    assert len(one.values) == len(two.values) == 3
    assert min(one.values + two.values) > 0


@pytest.mark.service
def test_workers_that_train_together_all_take_steps() -> None:
    with workers(2) as team:
        assert all(rate > 0 for rate in spell(team[:1], 0.2))  # the other waits meanwhile
        assert all(rate > 0 for rate in spell(team, 0.2))


@pytest.mark.service
@pytest.mark.timeout(300)
def test_the_quick_table(tmp_path: Path) -> None:
    answer = CliRunner().invoke(main, ["--quick", "--rounds", "1", "--output", str(tmp_path)])
    found = json.loads((tmp_path / "bench.json").read_text())
    verdicts = [row["verdict"] for row in found["rows"]]
    assert answer.exit_code == (1 if "MISSED" in verdicts else 0), answer.output
    assert all(row["label"] in answer.output for row in found["rows"])
    assert "throughput of both cores over one's" in answer.output
    assert (tmp_path / "ladder.png").stat().st_size > 10_000
