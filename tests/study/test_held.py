"""The keys of a study file that say something else than when the study was last run."""

from typing import Any

import pytest

from harness.study.held import changed
from harness.study.study import Study

HELD: dict[str, Any] = {
    "name": "s",
    "question": "?",
    "seeds": 2,
    "fixed": {"steps": 10, "depth": 2},
    "factors": {"norm": ["none", "batch"]},
    "baseline": {"norm": "batch"},
}


@pytest.mark.parametrize(
    ("changes", "keys"),
    [
        ({"name": "t", "seeds": 3}, []),
        ({"fixed": {"steps": 20, "depth": 2}}, []),  # which --steps may have asked for
        ({"fixed": {"steps": 10, "depth": 3}}, ["fixed"]),
        ({"fixed": {"steps": 10}, "question": "Which?"}, ["question", "fixed"]),
    ],
)
def test_the_keys_that_say_something_else_are_named(
    changes: dict[str, Any], keys: list[str]
) -> None:
    held, now = Study.model_validate(HELD), Study.model_validate(HELD | changes)
    assert changed(held, now) == keys
