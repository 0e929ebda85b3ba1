"""The fields of a run: defaults that depend on others, and values that do not go together."""

import pytest
from pydantic import ValidationError

from harness.subjects.char_mlp.fields import Fields


def test_output_norm_follows_norm_unless_it_is_named() -> None:
    assert Fields(norm="layer").output_norm == "layer"
    assert Fields(norm="layer", output_norm="none").output_norm == "none"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"batch": 1}, "batch must be at least 2 with BatchNorm"),
        ({"context": 1, "embedding": 1}, "context × embedding must be at least 2"),
        ({"train_words": 0}, "must be at least 1, or 'all'"),
        ({"norm": "bach"}, "must be a level that exists"),
    ],
)
def test_values_that_cannot_be_trained_are_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Fields.model_validate(values)


def test_a_batch_of_one_is_fine_without_batch_norm() -> None:
    assert Fields(batch=1, norm="layer").batch == 1


def test_members_of_a_stack_may_differ_in_stackable_fields_only() -> None:
    assert Fields(lr=0.2, init="naive", gain=2.0).shape == Fields().shape
    for change in ({"norm": "none"}, {"steps": 5}, {"depth": 2}, {"residual": True}):
        assert Fields.model_validate(change).shape != Fields().shape
