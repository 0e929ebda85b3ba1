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
    whole, shared = Source(data), Source(shareable(data))
    assert to_markdown(document(shared, [])) == to_markdown(document(whole, []))
    for name, table in whole.tables().items():
        assert table.equals(shared.tables()[name]), name
