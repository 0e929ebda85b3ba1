"""A claim that cannot be tested as written is refused before anything is trained."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from harness.study.claims import Claim, Interaction, named_levels
from harness.study.study import Study

ADAPTER: TypeAdapter[Claim] = TypeAdapter(Claim)
LOWER: dict[str, Any] = {
    "id": "a",
    "says": "s",
    "kind": "difference",
    "factor": "norm",
    "level": "batch",
    "versus": "none",
}
MORE = LOWER | {"kind": "interaction", "by": "depth", "at": [10, 1]}


@pytest.mark.parametrize(
    ("claim", "message"),
    [
        (LOWER | {"versus": "batch"}, "are the same"),
        (LOWER | {"where": {"norm": "batch"}}, "must leave 'norm' out of"),
        (LOWER | {"kind": "equivalence", "margin": -0.1}, "greater than or equal to 0"),
        (MORE | {"margin": -0.1}, "greater than or equal to 0"),
        (LOWER | {"kind": "equivalence", "margin": 0}, "must have a margin above 0"),
        (LOWER | {"id": "Not A Name"}, "should match pattern"),
        (LOWER | {"kind": "feeling"}, "does not match any of the expected tags"),
        (LOWER | {"weight": 1}, "Extra inputs are not permitted"),
        (MORE | {"by": "norm"}, "'by' and 'factor' are the same"),
        (MORE | {"at": [10, 10]}, "must name two levels"),
        (MORE | {"where": {"depth": 10}}, "must leave 'depth' out of"),
        ({"id": "a", "says": "s", "kind": "threshold"}, "exactly one of 'below' and 'above'"),
        (
            {"id": "a", "says": "s", "kind": "threshold", "below": 1, "above": 0},
            "exactly one of 'below'",
        ),
    ],
)
def test_a_claim_that_makes_no_sense_is_refused(claim: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ADAPTER.validate_python(claim)


def test_every_level_that_a_claim_names_is_known() -> None:
    claim = ADAPTER.validate_python(MORE | {"where": {"init": ["naive", "kaiming"], "lr": 0.1}})
    assert isinstance(claim, Interaction)
    assert named_levels(claim) == {
        "init": ("naive", "kaiming"),
        "lr": (0.1,),
        "norm": ("batch", "none"),
        "depth": (10, 1),
    }


def study(*claims: dict[str, Any], **changes: Any) -> Study:
    return Study.model_validate(
        {
            "question": "?",
            "seeds": 2,
            "factors": {"norm": ["none", "batch"]},
            "baseline": {"norm": "batch"},
            "claims": claims,
        }
        | changes
    )


def test_a_margin_of_0_is_a_margin() -> None:
    (claim,) = study(LOWER | {"margin": 0}).claims
    assert getattr(claim, "margin", None) == 0


def test_a_claim_gets_the_studys_primary_response_and_its_margin() -> None:
    own = LOWER | {"id": "b", "response": "final/saturation_worst", "margin": 0.2}
    first, second = study(LOWER, own, primary="final/train_loss").claims
    assert (first.response, second.response) == ("final/train_loss", "final/saturation_worst")
    assert [getattr(claim, "delta", None) for claim in (first, second)] == [0.01, 0.2]
    (third,) = study(LOWER).claims
    assert third.response == "final/dev_loss"


def test_a_claim_on_an_unknown_response_is_refused() -> None:
    with pytest.raises(ValidationError, match="claim 'a', response must be a response that exists"):
        study(LOWER | {"response": "final/dev_los"})


def test_two_claims_of_one_id_are_refused() -> None:
    with pytest.raises(ValidationError, match=r"must have a different id.*\['a', 'a'\]"):
        study(LOWER, LOWER | {"says": "another"})


def test_a_claim_on_an_unknown_level_is_refused() -> None:
    with pytest.raises(ValidationError, match="claim 'a' must name a level that norm has"):
        study(LOWER | {"versus": "layer"})
