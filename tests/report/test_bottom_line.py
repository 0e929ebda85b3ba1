"""The bottom line says what the tables say, in every case."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from harness.analysis.claims_table import claim_cells_table, claims_table
from harness.analysis.effects import change
from harness.analysis.verdicts import PROMISE, verdicts
from harness.report.sections.bottom_line import bottom_line, caveats
from harness.report.sections.cards import cards
from harness.report.source import Source
from harness.report.words import number
from harness.study.files import load_study
from harness.study.levels import Levels
from harness.study.study import Study
from tests.support import simulated

LOWER = {
    "id": "lower", "says": "BatchNorm helps", "kind": "difference", "factor": "norm",
    "level": "batch", "versus": "none", "direction": "lower",
}  # fmt: skip


def source(*study: Any, **more: Any) -> Source:
    """The results of a simulated study."""
    return Source(simulated.data(*study, **more))


def truth(cell: Levels, seed: int) -> float:
    return 2 + 0.1 * (cell["norm"] == "none") + 0.001 * seed * (cell["depth"] == 5)


def test_a_clear_study_is_described_in_full() -> None:
    clear = source(simulated.study(claims=[LOWER]), truth)
    assert [(card.word, card.says) for card in cards(clear)] == [
        ("SUPPORTED if no run fails", "BatchNorm helps")
    ]
    assert bottom_line(clear) == [
        "120 of 120 runs ended: 24 variants, 5 seeds.",
        "Of 1 claim: 1 SUPPORTED.",
        PROMISE,
        "The largest average change (exploratory): norm none instead of batch changes dev loss"
        " by +0.1 nats (95 % interval +0.1 to +0.1, not corrected), averaged over the rest.",
        "From bare to baseline, the part with the largest Shapley value in dev loss"
        " (exploratory; values may have either sign), and the change by all parts together: norm "
        "−0.1"
        " nats at depth 1, all parts −0.1 nats; norm −0.1 nats at depth 5, all parts −0.1 nats;"
        " norm −0.1 nats at depth 10, all parts −0.1 nats.",
        "Lowest mean dev loss of 24 variants: 2 nats (batch, naive, output_scale 1, depth 1);"
        " as the best of many, it is probably a little worse in truth.",
    ]


def test_seeds_that_are_complete_among_others_are_named() -> None:
    data = simulated.data(simulated.study(), truth)
    asked = data.study.model_copy(update={"seeds": (*data.study.seeds, 99)})
    whole = len(data.study.seeds)
    said = " ".join(bottom_line(Source(replace(data, study=asked))))
    assert f"Only {whole} seeds are complete: ablate report" in said
    assert f"--seeds {whole} judges these alone" in said
    assert "complete" not in " ".join(bottom_line(Source(data)))


def test_equal_runs_have_no_largest_effect_no_largest_part_and_no_best_variant() -> None:
    said = bottom_line(source(simulated.study(claims=[LOWER]), lambda _cell, _seed: 9.9))
    assert said[-1] == "No main effect on dev loss differs from 0."


def test_differences_of_tiny_responses_are_differences() -> None:
    def tiny(cell: Levels, seed: int) -> float:
        return 1e-12 * truth(cell, seed)

    said = " ".join(bottom_line(source(simulated.study(), tiny)))
    assert "norm none instead of batch changes dev loss by +1e−13 nats" in said
    assert "Lowest mean dev loss of 24 variants: 2e−12 nats" in said


@pytest.mark.parametrize("direction", ["lower", "higher"])
def test_no_number_is_minus_0(direction: str) -> None:
    claims = [LOWER | {"direction": direction, "margin": 0}]
    found = simulated.data(simulated.study(claims=claims), lambda _cell, _seed: 2.0)
    table, cells = (of(found, verdicts(found)) for of in (claims_table, claim_cells_table))
    numbers = table[["estimate", "cell_estimate", "low", "high", "bound"]].iloc[0]
    assert [str(x) for x in (*numbers, *cells["estimate"])] == 6 * ["0.0"]
    assert change(found.study.response(), -0.0) == "+0 nats"
    assert number(-0.0) == "0.000"


def test_noise_is_said_to_be_perhaps_chance() -> None:
    said = " ".join(bottom_line(source(simulated.study(), simulated.noise(11))))
    assert "(it may be chance)" in said
    assert "The study states no claims: everything here is exploratory." in said


def test_one_seed_is_described_and_not_tested() -> None:
    single = source(simulated.study(claims=[LOWER], seeds=1), truth)
    said = bottom_line(single)
    assert "With one seed, differences are only described: any of them may be chance." in said
    assert any("1 NOT TESTABLE" in sentence for sentence in said)
    assert any("(one seed, no interval)" in sentence for sentence in said)
    assert [card.word for card in cards(single)] == ["NOT TESTABLE"]


def test_divergence_is_counted_and_explained() -> None:
    asked = simulated.study(claims=[LOWER])
    runs = simulated.runs_of(asked, truth)
    out = (runs["norm"] == "none") & (runs["depth"] == "10") & (runs["seed"] == 1)
    runs["outcome"] = np.where(out, "diverged", "finished")
    said = bottom_line(source(asked, truth, runs=runs))[1]
    assert said.startswith("4 of them diverged, most often in: none, ")
    assert said.endswith(
        "their capped responses (dev loss, train loss, test loss) count as the cap, and contrasts"
        " that need another of their responses are not testable, unless it is measured at"
        " initialisation."
    )


def test_where_nothing_differs_no_effect_and_no_best_is_named() -> None:
    asked = simulated.study(claims=[LOWER])
    runs = simulated.runs_of(asked, truth).assign(outcome="diverged")
    said = bottom_line(source(asked, truth, runs=runs))
    assert "No main effect on dev loss differs from 0." in said
    assert not any(sentence.startswith("Lowest mean") for sentence in said)
    assert any("1 NOT TESTABLE" in sentence for sentence in said)


def test_a_part_may_change_more_than_all_together() -> None:
    more = source(simulated.study(), lambda c, s: truth(c, s) + 0.042 * (c["init"] == "kaiming"))
    said = next(text for text in bottom_line(more) if "Shapley" in text)
    assert "norm −0.1 nats at depth 1, all parts −0.058 nats;" in said


def test_an_average_that_ranks_contradict_is_said_to_be_so() -> None:
    asked = simulated.study(
        factors={"norm": ["none", "batch"], "depth": [*range(1, 11)]},
        baseline={"norm": "batch", "depth": 10}, bare={},
    )  # fmt: skip

    def one_pair(cell: Levels, seed: int) -> float:
        far = cell["depth"] == 10
        out = 1 if cell["norm"] == "none" else -1
        return 2 + (out if far else -0.01 * (out > 0)) + 1e-5 * seed * out

    contradicted = (
        "averaged over the rest. Ranks, which are robust to outliers, point the other way."
    )
    assert contradicted in " ".join(bottom_line(source(asked, one_pair)))
    assert "Ranks" not in " ".join(bottom_line(source(simulated.study(), truth)))


def test_stamps_are_shown() -> None:
    asked = simulated.study(claims=[LOWER])
    said = bottom_line(source(asked, truth, facts=simulated.FACTS | {"first_seeds": "1-2"}))
    assert "All verdicts are exploratory: seeds were added after a look: 3-5." in said
    assert PROMISE not in said


def test_no_run_at_all_leaves_nothing_to_say() -> None:
    asked = simulated.study(claims=[LOWER])
    said = bottom_line(source(asked, truth, runs=simulated.runs_of(asked, truth)[:0]))
    assert said[0] == "0 of 120 runs ended: 24 variants, 5 seeds."
    assert said[-1] == "No main effect on dev loss can be estimated from these runs."


def test_significance_is_never_claimed() -> None:
    for name in ("core", "learning_rate", "final_loss"):
        study = load_study(name)
        for draw in (simulated.noise(), truth_of_any):
            said = " ".join(bottom_line(source(study, draw, study.primary)))
            assert "significant" not in said


def truth_of_any(cell: Levels, seed: int) -> float:
    return 2 + 0.1 * (cell["norm"] == "none") + 0.001 * seed


def test_caveats_name_what_the_design_cannot_tell() -> None:
    few = caveats(source(load_study("final_loss"), truth_of_any))
    assert any("With only 3 seeds" in text for text in few)
    assert any("use one learning rate" in text for text in few)
    swept = caveats(source(load_study("learning_rate"), truth_of_any))
    assert not any("use one learning rate" in text for text in swept)


def test_caveats_of_the_subject_come_before_those_of_few_seeds() -> None:
    asked = simulated.study(seeds=4)
    own = asked.model.caveats(set(asked.factors), [asked.fields(cell) for cell in asked.cells()])
    found = caveats(source(asked, truth))
    assert found == [*own, "With only 4 seeds, intervals are wide."]


def test_caveats_name_the_variants_that_cannot_differ() -> None:
    asked = simulated.study(
        factors={"norm": ["none", "batch"], "depth": [1, 5], "residual": [False, True]},
        baseline={"norm": "batch", "depth": 5, "residual": False},
        bare={},
    )
    assert caveats(source(asked, truth))[-1] == (
        "2 variants are twins of others, trained to the same bits and counted once by claims: "
        "none, depth 1, residual false = none, depth 1, residual true (without effect: residual); "
        "batch, depth 1, residual false = batch, depth 1, residual true (without effect: residual)."
    )


def test_a_subject_without_a_cap_or_predictions_goes_through_too() -> None:
    asked = Study.model_validate({
        "name": "line", "question": "?", "subject": "tests.support.linear", "seeds": 3,
        "factors": {"intercept": [False, True], "lr": [0.1, 9.0]},
        "baseline": {"intercept": True, "lr": 0.1},
    })  # fmt: skip
    runs = simulated.runs_of(asked, lambda cell, seed: seed + (cell["lr"] == 9), "final/error")
    runs["outcome"] = np.where(runs["lr"] == "9", "diverged", "finished")
    line = source(asked, truth_of_any, runs=runs)
    assert bottom_line(line)[:2] == [
        "12 of 12 runs ended: 4 variants, 3 seeds.",
        "6 of them diverged, most often in: intercept false, lr 9 (3), intercept true, lr 9 (3);"
        " contrasts that need one of their responses are not testable, unless it is measured at"
        " initialisation.",
    ]
    assert caveats(line) == ["With only 3 seeds, intervals are wide."]
    assert line.predictions.empty
    assert "cap" not in " ".join(bottom_line(line))
