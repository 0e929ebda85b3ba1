"""Which runs the looks of a study need: against a plain twin, and wherever runs are counted."""

from functools import cache

import numpy as np
import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.analysis.claims_table import looks_table, stamps
from harness.analysis.compare import compare
from harness.analysis.effects import effects_table
from harness.analysis.frames import StudyData
from harness.analysis.gather import gather
from harness.analysis.grid import contrast, grid
from harness.analysis.integrity import audit
from harness.analysis.stages import Stage, expected_runs, needed_grid, needed_runs, stages
from harness.analysis.statements import variants_of
from harness.analysis.verdicts import bare_verdict, verdicts, verdicts_by_look
from harness.report.sections.bottom_line import bottom_line
from harness.report.source import Source
from harness.study.levels import Levels
from harness.study.study import Study
from tests.support import simulated

LOOKS = (2, 4, 7)
TEXT = """
question = "When is it settled?"
seeds = { looks = [2, 4, 7] }
[factors]
norm = ["none", "batch"]
depth = [1, 2, 3]
[baseline]
norm = "batch"
depth = 1
[[claims]]
id = "shallow"
says = "BatchNorm lowers the loss of a shallow network"
kind = "difference"
factor = "norm"
level = "batch"
versus = "none"
where = { depth = 1 }
[[claims]]
id = "same"
says = "Depth 2 and 3 are alike"
kind = "equivalence"
factor = "depth"
level = 2
versus = 3
margin = 0.05
over = "every"
[[claims]]
id = "low"
says = "The loss of deep networks with BatchNorm is low"
kind = "threshold"
below = 2.0
where = { norm = "batch", depth = 3 }
"""
VARIANTS = [f"{norm}, depth {depth}" for norm in ("none", "batch") for depth in (1, 2, 3)]
# Offsets of the variants' means from 2.
SETTLED = [1.0, 0.0, 0.0, 0.0, -0.01, -0.01]
LOW_OPEN = [1.0, 0.0, 0.0, 0.0, 0.0, 0.0]  # all claims but "low" are settled at once

Run = tuple[str, int]


def values(offsets: list[float], sd: float, seed: int) -> simulated.Truth:
    """Made-up losses: the variants' means, and noise."""
    noise, place = simulated.noise(seed, sd), dict(zip(VARIANTS, offsets, strict=True))

    def truth(cell: Levels, block: int) -> float:
        return 2 + place[f"{cell['norm']}, depth {cell['depth']}"] + noise(cell, block)

    return truth


def of(data: StudyData, kept: set[Run]) -> StudyData:
    """A study of which only these runs are there."""
    runs = data.runs
    there = [pair in kept for pair in zip(runs["variant"], runs["seed"], strict=True)]
    left = simulated.stored(data.study, simulated.noise(), runs=runs[np.array(there, dtype=bool)])
    return gather(left)


@cache
def asked(text: str = TEXT) -> Study:
    return simulated.study(text)


def plain(data: StudyData) -> set[Run]:
    """The runs needed of a study all of whose runs are there, claim by claim."""
    study, first = data.study, LOOKS[0]
    needed = {(variant, seed) for variant in VARIANTS for seed in study.seeds[:first]}
    for claim, at_looks in zip(study.claims, verdicts_by_look(data), strict=True):
        settling = [look for look, one in zip(LOOKS, at_looks, strict=True) if one.settled]
        last = min(settling, default=LOOKS[-1])
        needed |= {(v, s) for v in variants_of(study, claim) for s in study.seeds[:last]}
    return needed


studies = st.builds(
    lambda offsets, sd, seed: simulated.data(asked(), values(offsets, sd, seed)),
    st.lists(st.sampled_from([-0.3, -0.02, 0.0, 0.02, 0.3]), min_size=6, max_size=6),
    st.sampled_from([0.001, 0.01, 0.05]),
    st.integers(0, 1000),
)
some = settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@some
@given(studies)
def test_training_stage_by_stage_ends_with_the_runs_that_the_claims_need(data: StudyData) -> None:
    there: set[Run] = set()
    known: list[Stage] = []
    for number in range(1, len(LOOKS) + 1):
        known = stages(of(data, there))
        assert len(known) == number
        assert not known[-1].ended
        assert not known[-1].runs & there
        there |= known[-1].runs
        known = stages(of(data, there))
        if known[-1].ended:
            break
    assert needed_runs(known) == there == plain(data)
    whole = zip(verdicts(of(data, there)), verdicts(data), strict=True)
    for staged, judged in whole:  # the runs left out would not have changed a verdict
        assert (staged.word, staged.low, staged.high) == (judged.word, judged.low, judged.high)
    left = [one.claim.id for one in verdicts(data) if not one.settled]
    assert list(known[-1].unsettled) == left


@some
@given(studies)
def test_runs_beyond_those_needed_change_nothing(data: StudyData) -> None:
    assert needed_runs(stages(data)) == plain(data)
    assert len(expected_runs(data)) == 42
    assert audit(data) == []


@some
@given(studies, st.data())
def test_a_run_that_is_needed_and_lost_is_missing_and_no_other(
    data: StudyData, draw: st.DataObject
) -> None:
    needed = sorted(plain(data))
    lost = set(draw.draw(st.lists(st.sampled_from(needed), min_size=1, max_size=3)))
    left = of(data, set(needed) - lost)
    known = stages(left)
    assert not known[-1].ended
    assert needed_runs(known) <= set(needed)
    (finding,) = [finding for finding in audit(left) if finding.check == "missing"]
    assert set(finding.runs) == {f"{v}, seed {s}" for v, s in lost & needed_runs(known)}
    expected = len(expected_runs(left))
    assert finding.message == (
        f"{len(finding.runs)} of {expected} planned runs have not ended: not testable."
    )


@some
@given(studies)
def test_whether_a_claim_is_settled_is_what_its_verdict_says(data: StudyData) -> None:
    study = data.study
    for claim, at_looks in zip(study.claims, verdicts_by_look(data), strict=True):
        measured = grid(data, claim.response)
        for look, one in zip(LOOKS, at_looks, strict=True):
            bare = bare_verdict(study, claim, measured.of_seeds(study.seeds[:look]))
            assert (bare.word, bare.settled) == (one.word, one.settled)


def test_a_study_whose_claims_are_settled_needs_no_more() -> None:
    truth = values(SETTLED, 1e-5, 1)
    data = of(simulated.data(asked(), truth), {(v, s) for v in VARIANTS for s in (1, 2)})
    assert [(s.look, s.ended, s.unsettled) for s in stages(data)] == [(2, True, ())]
    assert bottom_line(Source(data))[:2] == [
        "12 of 12 runs ended: 6 variants, 2 seeds.",
        "Seeds 3-7: not needed, because all claims were settled with 2 seeds.",
    ]
    assert audit(data) == []
    assert set(looks_table(data.study, verdicts_by_look(data))["n"]) == {2}


def test_later_seeds_are_needed_only_where_claims_are_open() -> None:
    truth = values(LOW_OPEN, 1e-5, 1)
    whole = simulated.data(asked(), truth)
    data = of(whole, plain(whole))
    later = [(s.look, s.seeds, s.variants, s.unsettled) for s in stages(data)[1:]]
    assert later == [
        (4, (3, 4), ("batch, depth 3",), ("low",)),
        (7, (5, 6, 7), ("batch, depth 3",), ("low",)),
    ]
    assert bottom_line(Source(data))[:3] == [
        "17 of 17 runs ended: 6 variants, 7 seeds.",
        "Seeds 3-4: trained only for 1 of 6 variants, those that unsettled claims need.",
        "Seeds 5-7: trained only for 1 of 6 variants, those that unsettled claims need.",
    ]
    assert audit(data) == []
    assert not effects_table(data, "final/dev_loss")["note"].str.contains("missing").any()
    early = needed_grid(data, "final/dev_loss").of_seeds((1, 2, 3))
    deep = contrast(early, {"none, depth 3": 1.0})
    assert (deep.runs, deep.missing) == (2, 0)
    compared = compare(data, "batch, depth 1", "batch, depth 3")
    loss = compared[compared["response"] == "final/dev_loss"].iloc[0]
    assert (loss["n"], loss["note"]) == (2, "few seeds, wide interval")


def test_a_study_halfway_says_what_is_needed_and_what_may_be() -> None:
    truth = values(LOW_OPEN, 1e-5, 1)
    whole = simulated.data(asked(), truth)
    first = {(v, s) for v in VARIANTS for s in (1, 2)}
    assert bottom_line(Source(of(whole, first)))[:3] == [
        "12 of 14 runs ended: 6 variants, 4 seeds.",
        "Seeds 3-4: needed only for 1 of 6 variants, those that unsettled claims need.",
        "Seeds 5-7: needed only if claims are unsettled at the look at 4 seeds, whose runs are "
        "incomplete.",
    ]
    assert bottom_line(Source(of(whole, first - {("none, depth 1", 2)})))[:2] == [
        "11 of 12 runs ended: 6 variants, 2 seeds.",
        "Seeds 3-7: needed only if claims are unsettled at the look at 2 seeds, whose runs are "
        "incomplete.",
    ]


def test_a_study_of_which_nothing_is_there_needs_its_first_look() -> None:
    empty = of(simulated.data(asked(), simulated.noise()), set())
    assert needed_runs(stages(empty)) == {(v, s) for v in VARIANTS for s in (1, 2)}
    nothing = gather(simulated.stored(asked(), simulated.noise(), runs=pd.DataFrame([])))
    assert stages(nothing) == stages(empty)


def test_without_looks_or_claims_the_whole_grid_is_needed() -> None:
    for study in (
        asked(TEXT[: TEXT.index("[[claims]]")]),
        asked(TEXT.replace("{ looks = [2, 4, 7] }", "7")),
        asked(TEXT.replace("{ looks = [2, 4, 7] }", '{ count = 7, looks = "any" }')),
    ):
        data = simulated.data(study, simulated.noise())
        (stage,) = stages(data)
        assert (stage.look, stage.ended) == (7, True)
        assert len(stage.runs) == 42


def test_seeds_beyond_a_look_are_for_open_claims_too() -> None:
    truth = values(LOW_OPEN, 1e-5, 1)
    study = asked().override(seeds=(1, 2, 3))
    known = stages(simulated.data(study, truth))
    assert [(s.look, s.variants) for s in known[1:]] == [(3, ("batch, depth 3",))]
    assert known[-1].unsettled == ("low",)


def test_seeds_that_were_chosen_make_the_verdicts_of_looks_exploratory() -> None:
    for seeds, stamped in (((1, 2, 3, 4), 0), ((3, 4, 5), 1)):
        data = simulated.data(asked().override(seeds=seeds), simulated.noise())
        assert len(stamps(data)) == stamped
