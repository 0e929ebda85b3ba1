"""What a report leaves out of its tables changes nothing that it says."""

from harness.report.markup import to_markdown
from harness.report.sections import document, facts
from harness.report.sections.bottom_line import caveats
from harness.report.share import shareable
from harness.report.source import Source
from tests.report.conftest import SHAPES


def test_a_report_says_the_same_of_what_is_shared_as_of_everything() -> None:
    data = SHAPES["tuned"]()
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


def test_the_opening_of_a_tuned_study_counts_its_levels_and_regrets_no_common_rate() -> None:
    tuned, fixed = (Source(SHAPES[shape]()) for shape in ("tuned", "core"))
    assert facts(tuned).startswith("4 variants × 4 levels of lr × 4 seeds, 2,000 steps")
    assert not any("learning rate" in caveat for caveat in caveats(tuned))
    assert any("One learning rate for all" in caveat for caveat in caveats(fixed))
