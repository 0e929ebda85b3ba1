"""From a study to runs and cohorts: the grid is full, identities are exact, stacks are balanced."""

import time

import pytest

from harness.subjects.char_mlp.fields import Fields
from harness.study.plan import expand, parameters, run_key, stack, stack_count, step_cost
from harness.study.study import Study, load_study


def study(**changes: object) -> Study:
    return Study.model_validate(
        {
            "name": "s", "question": "?", "seeds": 2,
            "factors": {"norm": ["none", "batch"], "lr": [0.1, 0.2]},
            "baseline": {"norm": "batch", "lr": 0.1},
        } | changes
    )  # fmt: skip


def test_the_grid_is_every_combination_times_every_seed() -> None:
    runs = expand(study(), "digest")
    assert len(runs) == 8 == len({run.key for run in runs})
    assert [(run.cell["norm"], run.cell["lr"], run.seed) for run in runs[:3]] == [
        ("none", 0.1, 1), ("none", 0.1, 2), ("none", 0.2, 1)]  # fmt: skip
    assert runs[0].variant == "none, lr 0.1"


def test_what_defines_a_run_changes_its_key_and_nothing_else_does() -> None:
    fields = Fields.model_validate({})
    key = run_key(fields, 1, "data")
    assert key == run_key(Fields.model_validate({"norm": "batch"}), 1, "data")
    changes = {"depth": 4, "lr": 0.2, "steps": 5, "init": "naive", "residual": True, "batch": 16}
    others = [run_key(fields.model_copy(update={n: v}), 1, "data") for n, v in changes.items()]
    others += [run_key(fields, 2, "data"), run_key(fields, 1, "other")]
    assert len({key, *others}) == len(others) + 1


def test_more_seeds_and_levels_keep_the_keys_that_were_there() -> None:
    before = {run.key for run in expand(study(), "digest")}
    more_seeds = {run.key for run in expand(study(seeds=5), "digest")}
    more_levels = study(factors={"norm": ["none", "batch", "layer"], "lr": [0.1, 0.2, 0.4]})
    assert before < more_seeds
    assert before < {run.key for run in expand(more_levels, "digest")}


def test_output_norm_follows_norm_unless_it_is_named() -> None:
    assert Fields(norm="layer").output_norm == "layer"
    assert Fields(norm="layer", output_norm="none").output_norm == "none"


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_cohorts_hold_every_run_once_in_equal_shapes(workers: int) -> None:
    runs = expand(load_study("core"), "digest")
    cohorts = stack(runs, workers)
    assert sorted(run.key for c in cohorts for run in c.runs) == sorted(run.key for run in runs)
    for cohort in cohorts:
        assert len({run.fields.shape for run in cohort.runs}) == 1
    sizes = [len(cohort.runs) for cohort in cohorts if cohort.fields.depth == 5]
    assert max(sizes) - min(sizes) <= 1


def test_a_shape_is_split_for_every_worker() -> None:
    runs = expand(study(seeds=4), "digest")[:8]
    assert stack_count(runs, 1) == 1
    assert stack_count(runs, 3) == 3
    assert stack_count(runs[:2], 3) == 2


def test_ten_thousand_runs_are_planned_in_time() -> None:
    large = study(seeds=1250, factors={"norm": ["none", "batch"], "lr": [0.1, 0.2, 0.3, 0.4]})
    began = time.perf_counter()
    runs = expand(large, "digest")
    stack(runs, 2)
    assert len(runs) == 10_000
    assert time.perf_counter() - began < 3


def test_costs_grow_with_what_they_stand_for() -> None:
    assert step_cost(Fields(depth=10)) > step_cost(Fields(depth=5)) > step_cost(Fields(width=50))
    assert parameters(Fields(norm="none"), 27) < parameters(Fields(), 27)


def test_the_learning_rate_drops_at_its_share_of_the_steps() -> None:
    fields = Fields(steps=10, lr=0.5, lr_drop=0.1, lr_drop_at=0.75)
    assert [fields.lr_at(step) for step in (0, 7, 8, 9)] == pytest.approx([0.5, 0.5, 0.05, 0.05])
