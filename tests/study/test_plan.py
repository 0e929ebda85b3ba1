"""From a study to runs and stacks: the grid is full, identities are exact, stacks are balanced."""

import time
from typing import Any

import pytest

from harness.study.files import load_study, study_names
from harness.study.plan import (
    Costs,
    Stack,
    about_twins,
    expand,
    make_stacks,
    run_key,
    stack_count,
    twins,
)
from harness.study.study import Study
from harness.subjects.char_mlp import SUBJECT
from harness.subjects.char_mlp.fields import Fields
from harness.subjects.corpus import Corpus
from harness.subjects.subject import Cost


def study(**changes: object) -> Study:
    return Study.model_validate(
        {
            "name": "s",
            "question": "?",
            "seeds": 2,
            "factors": {"norm": ["none", "batch"], "lr": [0.1, 0.2]},
            "baseline": {"norm": "batch", "lr": 0.1},
        }
        | changes
    )


def test_the_grid_is_every_combination_times_every_seed() -> None:
    runs = expand(study(), "digest")
    assert len(runs) == 8 == len({run.key for run in runs})
    first = [(run.cell["norm"], run.cell["lr"], run.seed) for run in runs[:3]]
    assert first == [("none", 0.1, 1), ("none", 0.1, 2), ("none", 0.2, 1)]
    assert runs[0].variant == "none, lr 0.1"


def test_what_defines_a_run_changes_its_key_and_nothing_else_does() -> None:
    def key_of(fields: Fields, seed: int = 1, digest: str = "data") -> str:
        return run_key(SUBJECT, fields, seed, digest)

    fields = Fields()
    key = key_of(fields)
    assert key == key_of(Fields(norm="batch"))
    changes = {"depth": 4, "lr": 0.2, "steps": 5, "init": "naive", "residual": True, "batch": 16}
    others = [key_of(fields.model_copy(update={n: v})) for n, v in changes.items()]
    others += [key_of(fields, seed=2), key_of(fields, digest="other")]
    for attribute in ("name", "version"):
        other = type("Other", (type(SUBJECT),), {attribute: "other"})()
        others.append(run_key(other, fields, 1, "data"))
    assert len({key, *others}) == len(others) + 1


def test_a_key_does_not_depend_on_the_order_in_which_fields_are_declared() -> None:
    class Moved(Fields):
        def model_dump(self, **_: Any) -> dict[str, Any]:
            return dict(reversed(super().model_dump().items()))

    assert run_key(SUBJECT, Moved(), 1, "data") == run_key(SUBJECT, Fields(), 1, "data")


def test_more_seeds_and_levels_keep_the_keys_that_were_there() -> None:
    before = {run.key for run in expand(study(), "digest")}
    more_seeds = {run.key for run in expand(study(seeds=5), "digest")}
    more_levels = study(factors={"norm": ["none", "batch", "layer"], "lr": [0.1, 0.2, 0.4]})
    assert before < more_seeds
    assert before < {run.key for run in expand(more_levels, "digest")}


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_stacks_hold_every_run_once_in_equal_shapes(tiny: Corpus, workers: int) -> None:
    runs, costs = expand(load_study("core"), "digest"), Costs(SUBJECT, tiny)
    stacks = make_stacks(runs, costs, workers)
    assert sorted(run.key for s in stacks for run in s.runs) == sorted(run.key for run in runs)
    for stack in stacks:
        assert len({run.fields.shape for run in stack.runs}) == 1
    sizes = [len(stack.runs) for stack in stacks if stack.fields.depth == 5]
    assert max(sizes) - min(sizes) <= 1
    work = [costs.of_runs(stack.runs) for stack in stacks]
    assert work == sorted(work, reverse=True)


def test_a_stack_is_named_by_its_runs_in_any_order() -> None:
    runs = tuple(expand(study(), "digest"))
    assert Stack(runs).name == Stack(runs[::-1]).name
    assert Stack(runs).name != Stack(runs[1:]).name


def test_a_shape_is_split_for_every_worker_and_to_fit_the_cache() -> None:
    cost = Cost(parameters=1, step=1.0, memory=1000)
    assert stack_count(8, cost, workers=1) == 1
    assert stack_count(8, cost, workers=3) == 3
    assert stack_count(2, cost, workers=3) == 2
    assert stack_count(8, Cost(1, 1.0, memory=2_000_000), workers=1) == 2
    assert stack_count(8, Cost(1, 1.0, memory=10**9), workers=1) == 8
    assert stack_count(8, Cost(1, 1.0, memory=1000, largest_stack=1), workers=1) == 8


def test_ten_thousand_runs_are_planned_in_time(tiny: Corpus) -> None:
    large = study(seeds=1250, factors={"norm": ["none", "batch"], "lr": [0.1, 0.2, 0.3, 0.4]})
    began = time.perf_counter()
    runs = expand(large, "digest")
    make_stacks(runs, Costs(SUBJECT, tiny), 2)
    assert len(runs) == 10_000
    assert time.perf_counter() - began < 3


DROPS: dict[str, list[Any]] = {"lr_drop": [0.1, 1.0], "lr_drop_at": [0.5, 0.75]}


def dropping(**factors: list[Any]) -> Study:
    """A study of which a part has no drop of the learning rate."""
    levels = {**DROPS, **factors}
    return study(factors=levels, baseline={name: each[0] for name, each in levels.items()})


def test_variants_that_differ_in_what_has_no_effect_are_twins() -> None:
    assert twins(study()) == []
    assert twins(dropping()) == [
        [{"lr_drop": 1.0, "lr_drop_at": 0.5}, {"lr_drop": 1.0, "lr_drop_at": 0.75}]
    ]
    assert len({run.key for run in expand(dropping(), "digest")}) == 8  # identities are as before


def test_twins_are_told_with_what_has_no_effect() -> None:
    assert about_twins(study()) == ""
    assert about_twins(dropping()) == (
        "1 variant is another's twin, trained to the same bits and counted once by claims: "
        "lr_drop 1, lr_drop_at 0.5 = lr_drop 1, lr_drop_at 0.75 (without effect: lr_drop_at)."
    )
    assert about_twins(dropping(lr_drop_at=[0.75, 1.0])) == (
        "2 variants are twins of others, trained to the same bits and counted once by claims: "
        "lr_drop 0.1, lr_drop_at 1 = lr_drop 1, lr_drop_at 0.75 = lr_drop 1, lr_drop_at 1 "
        "(without effect: lr_drop, lr_drop_at)."
    )


def test_a_few_twins_are_named_and_the_others_counted() -> None:
    many = dropping(lr_drop_at=[0.2, 0.4, 0.6, 0.8, 0.9], depth=[1, 2, 3, 4, 5])
    assert about_twins(many) == (
        "20 variants are twins of others, trained to the same bits and counted once by claims: "
        + "; ".join(
            f"lr_drop 1, lr_drop_at 0.2, depth {depth} = lr_drop 1, lr_drop_at 0.4, depth {depth}"
            f" = lr_drop 1, lr_drop_at 0.6, depth {depth} = 2 more (without effect: lr_drop_at)"
            for depth in (1, 2, 3)
        )
        + "; and 2 more."
    )


@pytest.mark.parametrize("name", study_names())
def test_no_shipped_study_has_twins(name: str) -> None:
    assert twins(load_study(name)) == []
