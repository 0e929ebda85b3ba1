"""Studies side by side: how factors line up, and differences paired by seed."""

from typing import Any

import numpy as np
import pytest

from harness.analysis.across import across_table, align, verdicts_across
from harness.analysis.intervals import estimate
from harness.study.levels import Levels
from harness.study.study import Study
from tests.support import simulated

RESPONSE = "final/dev_loss"


def study(name: str, factors: dict[str, Any], **changes: Any) -> Study:
    baseline = {factor: levels[0] for factor, levels in factors.items()}
    asked = {"name": name, "question": "?", "seeds": 5, "factors": factors, "baseline": baseline}
    return Study.model_validate(asked | changes)


def test_a_factor_lines_up_with_a_fixed_field_at_the_level_that_both_have() -> None:
    one = study("one", {"norm": ["none", "batch"], "depth": [1, 5]})
    other = study("other", {"norm": ["batch", "layer"]})  # depth is 5 where nothing is said
    aligned = align([one, other])
    assert aligned.common == {"depth": (5,), "norm": ("batch",)}
    assert aligned.apart == {}
    assert aligned.places(one) == [{"depth": 5, "norm": "batch"}]


def test_what_does_not_line_up_is_said() -> None:
    one = study("one", {"norm": ["none", "batch"]}, fixed={"steps": 100, "lr": 0.3})
    tuned = study("tuned", {"norm": ["none", "batch"]}, tuned={"lr": [0.1, 0.3]},
                  baseline={"norm": "none", "lr": 0.1}, fixed={"steps": 200})  # fmt: skip
    aligned = align([one, tuned])
    assert aligned.common == {"norm": ("none", "batch")}
    assert aligned.apart == {"steps": ("100", "200"), "lr": ("0.3", "tuned over 0.1, 0.3")}


def test_differences_are_paired_by_the_seeds_that_both_have() -> None:
    one = study("one", {"norm": ["none", "batch"]})
    other = study("other", {"norm": ["batch"], "depth": [5, 10]}, seeds=[3, 4, 5, 6])
    block = {seed: float(np.random.default_rng(seed).standard_normal()) for seed in range(1, 7)}

    def plain(_: Levels, seed: int) -> float:
        return block[seed]

    def shifted(cell: Levels, seed: int) -> float:
        return block[seed] + 0.1 * seed + 5 * (cell["depth"] == 10)

    found = across_table(
        [simulated.data(one, plain), simulated.data(other, shifted)], RESPONSE
    ).set_index("study")
    assert list(found["place"]) == ["all", "all"]
    expected = estimate(np.array([0.1 * seed for seed in (3, 4, 5)]))
    row = found.loc["other"]
    assert row["pairs"] == 3
    assert [row["estimate"], row["difference_low"], row["difference_high"]] == pytest.approx(
        [expected.estimate, expected.low, expected.high]
    )
    assert row["variants"] == 1  # depth 10 does not line up
    assert found.loc["one", "pairs"] == 0


def test_claims_that_say_the_same_are_set_side_by_side() -> None:
    claim = {"id": "lower", "says": "s", "kind": "difference", "factor": "norm", "level": "batch",
             "versus": "none", "direction": "lower", "margin": 0.01}  # fmt: skip
    factors = {"norm": ["none", "batch"]}
    other_words = claim | {"says": "other words"}
    asked = [study("one", factors, claims=[claim]), study("two", factors, claims=[claim]),
             study("three", factors, claims=[other_words])]  # fmt: skip
    effect = {"one": -0.1, "two": 0.1, "three": 0.0}

    def truth(name: str) -> simulated.Truth:
        def value(cell: Levels, seed: int) -> float:
            return effect[name] if cell["norm"] == "batch" else 0.0001 * seed

        return value

    found = verdicts_across([simulated.data(one, truth(one.name)) for one in asked])
    assert found.to_dict("records") == [
        {"id": "lower", "says": "s", "one": "SUPPORTED", "two": "OPPOSITE", "three": ""}
    ]
