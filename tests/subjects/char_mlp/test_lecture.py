"""The lecture's printed numbers are reproduced, and a wrong digit is noticed."""

from dataclasses import replace
from typing import Any

import pytest
from click.testing import CliRunner

from harness.cli import ablate
from harness.errors import UserError
from harness.subjects.char_mlp.lecture import published_rows, reproduce
from harness.subjects.corpus import Corpus


def test_the_command_matches_every_published_digit(names: Corpus) -> None:
    done = CliRunner().invoke(ablate, ["lecture"])
    assert done.exit_code == 0, done.output
    assert done.output.count("  ok") == 8
    assert "OFF" not in done.output
    lines = done.output.splitlines()
    assert [line.split()[0] for line in lines if " loss " in line][-3:] == ["train", "dev", "test"]
    assert len(lines[lines.index("") :]) > 20
    assert len(names.words) == 32_033


def test_other_data_are_refused(tiny: Corpus) -> None:
    with pytest.raises(UserError, match=r"the lecture.s numbers are for names\.txt"):
        reproduce(tiny)


@pytest.mark.parametrize(
    ("field", "value", "same"),
    [
        ("mean", "+0.01", False),
        ("std", "0.62", False),
        ("saturated_percent", "2.79", False),
        ("gradient_std", "2.640704e-03", True),
        ("gradient_std", "2.640705e-03", False),
        ("gradient_std", "2.640702e-04", False),
    ],
)
def test_a_wrong_digit_is_noticed(field: str, value: str, same: bool) -> None:
    published = published_rows()[0]
    assert published.matches(published)
    changes: dict[str, Any] = {field: value}
    assert replace(published, **changes).matches(published) is same
