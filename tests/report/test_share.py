"""What a report leaves out of its tables changes nothing that it says."""

import pytest

from harness.report.markup import to_markdown
from harness.report.sections import document
from harness.report.share import shareable
from harness.report.source import Source
from tests.report.conftest import SHAPES


@pytest.mark.parametrize("shape", ["tuned", "one factor"])
def test_a_report_says_the_same_of_what_is_shared_as_of_everything(shape: str) -> None:
    data = SHAPES[shape]()
    first = data.trained.index < 5
    for column in ("commit", "device", "versions", "changed"):  # so that there are remarks on them
        data.trained.loc[first, column] = "yes"
    whole, shared = Source(data), Source(shareable(data))
    assert to_markdown(document(shared, [])) == to_markdown(document(whole, []))
    for name, table in whole.tables().items():
        assert table.equals(shared.tables()[name]), name


def test_what_is_left_out_of_a_tuned_studys_runs_is_still_in_those_that_are_judged() -> None:
    data = SHAPES["tuned"]()
    shared = shareable(data)
    assert shared.runs.equals(data.runs)
    assert set(shared.trained["run_name"]) == {""}
    assert shared.trained["final/dev_loss"].equals(data.trained["final/dev_loss"])


def test_the_opening_of_a_tuned_study_counts_its_levels_and_has_no_caveat_on_one_rate_for_all() -> (
    None
):
    text = to_markdown(document(Source(SHAPES["tuned"]()), []))
    assert "4 variants × 4 levels of lr × 4 seeds, 2,000 steps" in text
    assert "One learning rate for all" not in text
    plain = to_markdown(document(Source(SHAPES["core"]()), []))
    assert "One learning rate for all" in plain
