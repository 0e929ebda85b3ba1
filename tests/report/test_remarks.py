"""Remarks in the tables of effects: what an average hides."""

import pytest

from harness.report.document import Table
from harness.report.sections import answers
from harness.report.source import Source
from harness.study.levels import Levels
from tests.support import simulated

TWO = """
question = "?"
seeds = 5
[factors]
norm = ["none", "batch"]
depth = [1, 2, 4]
[baseline]
norm = "batch"
depth = 1
"""
NONE, BATCH = {1: 1.5, 2: 1.8, 4: 1.9}, {1: 1.0, 2: 1.7, 4: 1.6}


def remarks(truth: simulated.Truth, section: str) -> list[str]:
    """The last column of a section's first table."""
    source = Source(simulated.data(simulated.study(TWO), truth))
    blocks = next(s.blocks for s in answers.sections(source) if s.title == section)
    table = next(block for block in blocks if isinstance(block, Table))
    assert table.head[-1] == "remarks"
    return [str(row[-1]) for row in table.rows]


def test_a_conditional_effect_is_remarked_with_its_places() -> None:
    def crossing(cell: Levels, seed: int) -> float:
        size = {1: 0.1, 2: 0.2, 4: -0.3}[int(str(cell["depth"]))]
        return 2 + (size + 0.001 * seed) * (cell["norm"] == "none")

    assert remarks(crossing, "Effects")[0] == (
        "CONDITIONAL: higher at depth 2 (+0.203 nats), lower at depth 4 (−0.297 nats)"
    )


def test_an_interaction_that_ranks_contradict_is_remarked() -> None:
    """With depth 4 it is 0.3 − 0.5 in nats, and (6 − 3) − (2 − 1) in ranks."""

    def truth(cell: Levels, seed: int) -> float:
        values = NONE if cell["norm"] == "none" else BATCH
        return (1 + 0.001 * seed) * values[int(str(cell["depth"]))]

    effects = Source(simulated.data(simulated.study(TWO), truth)).effects
    interactions = effects[effects["kind"] == "interaction"]
    assert interactions["estimate"].to_numpy() == pytest.approx([-0.4 * 1.003, -0.2 * 1.003])
    assert interactions["rank_estimate"].tolist() == [0, 2]
    assert remarks(truth, "Interactions") == ["", "ranks point the other way"]
