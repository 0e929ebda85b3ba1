"""The table of seeds in a study file: which looks it takes, and what it refuses, word for word."""

import json
from typing import Any

import pytest

from harness.errors import UserError
from harness.study.files import parse_study
from harness.study.study import Study

CLAIM = {"id": "a", "says": "a", "kind": "threshold", "below": 1.0}
TEXT = """
question = "When to stop?"
seeds = {seeds}
[factors]
norm = ["none", "batch"]
[baseline]
norm = "batch"
"""
RULE = (
    "study 's': a table of seeds must have looks, two or more increasing numbers of seeds from 2, "
    "or a "
    'count of seeds and looks = "any"; received {received}. Write seeds = {{ looks = [5, 10, 20] '
    "}}, or leave the looks out: seeds = 10."
)


def read(seeds: str) -> Study:
    return parse_study(TEXT.format(seeds=seeds).encode(), "s")


def refusal(text: str) -> str:
    with pytest.raises(UserError) as error:
        parse_study(text.encode(), "s")
    return str(error.value)


def test_looks_say_how_many_seeds_there_are() -> None:
    study = read("{ looks = [5, 10, 20] }")
    assert study.seeds == tuple(range(1, 21))
    assert study.looks == study.declared_looks == (5, 10, 20)
    assert read("3").declared_looks == ()


def test_looks_at_any_time_come_with_a_count() -> None:
    study = read('{ count = 7, looks = "any" }')
    assert study.seeds == tuple(range(1, 8))
    assert study.looks == "any"
    assert study.declared_looks == ()


@pytest.mark.parametrize(
    ("table", "received"),
    [
        ("{ looks = [5] }", "{'looks': [5]}"),
        ("{ looks = [] }", "{'looks': []}"),
        ("{ looks = [10, 5] }", "{'looks': [10, 5]}"),
        ("{ looks = [5, 5] }", "{'looks': [5, 5]}"),
        ("{ looks = [1, 5] }", "{'looks': [1, 5]}"),
        ("{ looks = [5.0, 10] }", "{'looks': [5.0, 10]}"),
        ("{ looks = [true, 10] }", "{'looks': [true, 10]}"),
        ("{ looks = 5 }", "{'looks': 5}"),
        ('{ looks = "any" }', "{'looks': 'any'}"),
        ('{ looks = "some", count = 5 }', "{'looks': 'some', 'count': 5}"),
        ("{ looks = [5, 10], count = 20 }", "{'looks': [5, 10], 'count': 20}"),
        ('{ looks = "any", count = [1, 2] }', "{'looks': 'any', 'count': [1, 2]}"),
        ('{ looks = "any", count = "5" }', "{'looks': 'any', 'count': '5'}"),
        ("{ count = 5 }", "{'count': 5}"),
        ("{ at = [5, 10] }", "{'at': [5, 10]}"),
        ("{}", "{}"),
    ],
)
def test_other_tables_are_refused(table: str, received: str) -> None:
    assert refusal(TEXT.format(seeds=table)) == RULE.format(received=received)


@pytest.mark.parametrize(
    ("table", "count"),
    [
        ("{ looks = [5, 20000] }", 20000),
        ('{ count = 20000, looks = "any" }', 20000),
        ('{ count = 0, looks = "any" }', 0),
    ],
)
def test_the_number_of_seeds_has_bounds_in_a_table_as_well(table: str, count: int) -> None:
    assert refusal(TEXT.format(seeds=table)) == (
        "study 's': seeds must be a number from 1 to 10,000, or a list of seeds; "
        f"received {count}. Fix that entry."
    )


def test_looks_outside_of_the_table_are_refused() -> None:
    assert refusal(f"looks = [5, 10]\n{TEXT.format(seeds=10)}") == (
        "study 's': looks belong in the table of seeds; received looks = [5, 10]. "
        "Write seeds = { looks = [5, 10, 20] }."
    )


@pytest.mark.parametrize("seeds", ["4", "{ looks = [2, 4] }", '{ count = 4, looks = "any" }'])
def test_a_study_is_read_back_as_it_was_written(seeds: str) -> None:
    study = read(seeds)
    assert Study.model_validate(study.model_dump()) == study
    stored: Any = json.loads(json.dumps(study.model_dump(mode="json")))
    assert Study.model_validate(stored) == study
    assert study.override() == study


def test_other_seeds_leave_the_looks_as_they_are() -> None:
    study = read("{ looks = [5, 10] }").override(seeds=(1, 2, 3))
    assert (study.seeds, study.looks) == ((1, 2, 3), (5, 10))


def test_runs_are_decided_on_at_looks_and_at_the_last_seed() -> None:
    study = read("{ looks = [5, 10, 20] }")
    assert study.stage_ends == (20,)  # without claims nothing is decided
    judged = Study.model_validate({**study.model_dump(), "claims": [CLAIM]})
    assert judged.stage_ends == (5, 10, 20)
    for count, ends in ((3, (3,)), (5, (5,)), (7, (5, 7)), (10, (5, 10)), (25, (5, 10, 20, 25))):
        assert judged.override(seeds=tuple(range(1, count + 1))).stage_ends == ends


def test_a_change_of_the_looks_shows_in_the_digest_of_the_claims() -> None:
    digests = {read(seeds).claims_digest() for seeds in ("4", "{ looks = [2, 4] }",
               "{ looks = [3, 4] }", '{ count = 4, looks = "any" }')}  # fmt: skip
    assert len(digests) == 4
