"""Predictions are checked where they apply, and only there."""

import math

import pandas as pd
import pytest

from harness.analysis.frames import StudyData
from harness.analysis.literature import predictions
from harness.analysis.literature_check import literature_table
from harness.study.files import load_study
from harness.study.levels import Levels
from tests.support import simulated


def layers(runs: pd.DataFrame, growth: float = 1.1) -> pd.DataFrame:
    """Saturation 0.1 × layer, and gradients that grow evenly backwards."""
    rows = [
        (key, "init", layer, quantity, value)
        for key, depth in zip(runs["run_key"], runs["depth"].astype(int), strict=True)
        for layer in range(1, depth + 1)
        for quantity, value in (("saturation", 0.1 * layer), ("gradient_std", growth**-layer))
    ]
    return pd.DataFrame(rows, columns=["run_key", "when", "layer", "quantity", "value"])


def initial(truth: simulated.Truth, name: str = "core") -> StudyData:
    """A shipped study whose initial loss is known."""
    study = load_study(name)
    runs = simulated.runs_of(study, truth, "init/loss")
    return simulated.data(study, truth, runs=runs, layers=layers(runs))


def excess(cell: Levels, seed: int) -> float:
    return math.log(27) + (0.47 if cell["output_scale"] == 1.0 else 0.005) + 0.001 * (seed - 3)


def row(data: StudyData, name: str) -> pd.Series:
    return literature_table(data).set_index("id").loc[name]


def test_at_least_ten_predictions_apply_to_the_core_study() -> None:
    assert len(literature_table(initial(excess))) >= 10


def test_a_prediction_that_comes_true_agrees_and_carries_its_interval() -> None:
    found = row(initial(excess), "initial-loss-norm-1")
    assert found["verdict"] == "agrees"
    assert found["observed"] == pytest.approx(math.log(27) + 0.47)
    assert found["low"] < found["observed"] < found["high"]
    assert (found["n"], found["cells"], found["mode"]) == (5, 6, "init")


def test_one_that_does_not_differs_or_is_noise() -> None:
    far = initial(lambda cell, seed: excess(cell, seed) + 1)
    assert row(far, "initial-loss-norm-1")["verdict"] == "differs"
    noisy = initial(lambda cell, seed: excess(cell, seed) + 0.06 + 0.2 * (seed - 3))
    assert row(noisy, "initial-loss-norm-1")["verdict"] == "agrees within noise"


def test_what_was_not_measured_is_said_to_be_so() -> None:
    assert row(initial(excess), "entropy-floor")["verdict"] == "not measured"


def test_saturation_is_taken_of_the_layers_that_are_meant() -> None:
    data = initial(excess)
    assert row(data, "saturation-kaiming-gain-1-layer-2")["observed"] == pytest.approx(0.2)
    assert row(data, "saturation-naive-deeper")["observed"] == pytest.approx(
        (0.1 * (2 + 3 + 4 + 5) / 4 + 0.1 * sum(range(2, 11)) / 9) / 2
    )


def test_gradient_growth_is_taken_from_layer_five_on() -> None:
    found = row(initial(lambda *_: 3.3, "deep"), "growth-gain")
    assert found["observed"] == pytest.approx(1.1, abs=1e-4)
    assert found["verdict"] == "agrees"
    assert found["cells"] == 3


def test_the_floor_holds_for_the_lowest_cell() -> None:
    study = simulated.study()

    def truth(cell: Levels, seed: int) -> float:
        return (1.8 if cell["depth"] == 5 else 2.5) + 0.001 * seed

    low = simulated.data(study, truth, "final/train_loss")
    assert row(low, "entropy-floor")["verdict"] == "differs"
    high = simulated.data(study, lambda *args: truth(*args) + 0.1, "final/train_loss")
    assert row(high, "entropy-floor")["verdict"] == "agrees"


def test_predictions_for_other_networks_or_data_are_left_out() -> None:
    narrow = simulated.study(fixed={"width": 20, "train_words": 50})
    assert literature_table(simulated.data(narrow, excess, "init/loss")).empty
    data = initial(excess)
    other = simulated.data(data.study, excess, facts={"vocabulary": "30"})
    assert not any(p.id.startswith(("initial-loss", "entropy")) for p in predictions(other))
