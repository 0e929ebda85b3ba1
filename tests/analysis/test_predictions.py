"""Predictions are tested where they apply, and only there."""

import math

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.weightstats import DescrStatsW

from harness.analysis.frames import StudyData
from harness.analysis.predictions import predictions_table
from harness.study.files import load_study
from harness.study.levels import Levels
from harness.study.study import Study
from harness.subjects.trace import Trace
from tests.support import simulated


def at_init(asked: Study, depth: int) -> dict[str, float]:
    """Responses of a network with saturation 0.1 × layer whose gradients grow evenly backwards."""
    trace, layers = Trace(10), np.arange(1, depth + 1)
    trace.add("saturation", 0, 0.1 * layers)
    trace.add("gradient_std", 0, 1.1**-layers)
    return {name: r.of(trace) for name, r in asked.model.responses.items() if r.at_init}


def initial(truth: simulated.Truth, name: str = "core") -> StudyData:
    """A shipped study whose initial loss is known."""
    study = load_study(name)
    runs = simulated.runs_of(study, truth, "init/loss")
    layers = pd.DataFrame([at_init(study, int(depth)) for depth in runs["depth"]])
    runs = pd.concat([runs, layers.drop(columns="init/loss")], axis=1)
    return simulated.data(study, truth, runs=runs)


def excess(cell: Levels, seed: int) -> float:
    return math.log(27) + (0.47 if cell["output_scale"] == 1.0 else 0.005) + 0.001 * (seed - 5.5)


def row(data: StudyData, name: str) -> pd.Series:
    table = predictions_table(data)
    return table[table["id"] == name].iloc[0]


def test_at_least_ten_predictions_apply_to_the_core_study() -> None:
    assert len(predictions_table(initial(excess))) >= 10


def test_a_prediction_that_comes_true_agrees_and_carries_its_interval() -> None:
    found = row(initial(excess), "initial-loss-norm-1")
    assert found["outcome"] == "agrees"
    assert found["observed"] == pytest.approx(math.log(27) + 0.47)
    assert found["low"] < found["observed"] < found["high"]
    assert (found["n"], found["cells"], found["response"]) == (10, 6, "init/loss")


def test_one_that_does_not_differs_and_noise_decides_nothing() -> None:
    far = initial(lambda cell, seed: excess(cell, seed) + 1)
    assert row(far, "initial-loss-norm-1")["outcome"] == "differs"
    for offset in (0.0, 0.06):
        shifted = lambda cell, seed, by=offset: excess(cell, seed) + by + 0.2 * (seed - 3)  # noqa: E731
        assert row(initial(shifted), "initial-loss-norm-1")["outcome"] == "not decided"


def test_agreeing_is_to_pass_two_one_sided_tests() -> None:
    outcomes = set()
    study = simulated.study(factors={"norm": ["batch"]}, baseline={"norm": "batch"}, bare={},
                            fixed={"output_scale": 1.0})  # fmt: skip
    for draw in range(1, 20):
        noise = simulated.noise(draw, 0.003 * draw)

        def truth(cell: Levels, seed: int, n: simulated.Truth = noise) -> float:
            return math.log(27) + 0.47 + n(cell, seed)

        data = simulated.data(study, truth, "init/loss")
        found = row(data, "initial-loss-norm-1")
        low, high = found["expected"] - found["margin"], found["expected"] + found["margin"]
        p = DescrStatsW(data.runs["init/loss"]).ttost_mean(low, high)[0]
        assert (found["outcome"] == "agrees") == (p < 0.025)
        assert (found["outcome"] == "agrees") == (low < found["low"] and found["high"] < high)
        outcomes.add(found["outcome"])
    assert {"agrees", "not decided"} <= outcomes


def test_one_seed_and_what_was_not_measured_are_said_to_be_so() -> None:
    study = load_study("core").override(seeds=(1,))
    one = simulated.data(study, excess, "init/loss")
    assert row(one, "initial-loss-norm-1")["outcome"] == "one seed"
    assert np.isnan(row(one, "initial-loss-norm-1")["low"])
    assert row(one, "entropy-floor")["outcome"] == "not measured"
    assert row(one, "saturation-norm")["outcome"] == "not measured"


def test_a_difference_is_taken_within_each_seed() -> None:
    study = load_study("core")

    def truth(cell: Levels, seed: int) -> float:
        return 0.03 * seed + 0.002 * (cell["init"] == "naive") + 1e-5 * seed * (cell["depth"] == 1)

    found = row(simulated.data(study, truth, "init/saturation_mean"), "norm-ignores-scale")
    assert found["observed"] == pytest.approx(0.002)
    assert (found["outcome"], found["cells"]) == ("differs", 12)  # 0 ± 0.001 is predicted


def test_saturation_is_taken_of_the_layers_that_are_meant() -> None:
    data = initial(excess)
    assert row(data, "saturation-kaiming-gain-1-layer-2")["observed"] == pytest.approx(0.2)
    assert row(data, "saturation-naive-deeper")["observed"] == pytest.approx(
        (0.1 * (2 + 3 + 4 + 5) / 4 + 0.1 * sum(range(2, 11)) / 9) / 2
    )


def test_gradient_growth_is_taken_from_layer_five_on() -> None:
    found = row(initial(lambda *_: 3.3, "deep"), "growth-gain")
    assert found["observed"] == pytest.approx(1.1, abs=1e-4)
    assert found["outcome"] == "agrees"
    assert found["cells"] == 3


def test_a_floor_holds_only_if_no_run_of_any_cell_lies_below() -> None:
    study = simulated.study()

    def truth(cell: Levels, seed: int) -> float:
        return (1.868 if cell["depth"] == 5 and seed == 2 else 2.5) + 0.001 * (seed == 1)

    low = row(simulated.data(study, truth, "final/train_loss"), "entropy-floor")
    assert (low["outcome"], low["observed"], low["n"]) == ("differs", 1.868, 5)
    high = simulated.data(study, lambda *args: truth(*args) + 0.1, "final/train_loss")
    assert row(high, "entropy-floor")["outcome"] == "agrees"


def test_predictions_for_other_networks_or_data_are_left_out() -> None:
    narrow = simulated.study(fixed={"width": 20, "train_words": 50})
    assert predictions_table(simulated.data(narrow, excess, "init/loss")).empty
    data = initial(excess)
    other = predictions_table(simulated.data(data.study, excess, facts={"vocabulary": "30"}))
    assert not other["id"].str.startswith(("initial-loss", "entropy")).any()
