"""A run's history as records and as a trace: the same numbers whichever way they are told."""

import numpy as np
import pytest

from harness.curves import CURVES, record_at, records
from harness.fields import Fields
from harness.plan import Run
from harness.tables import trace
from tests.report.made_up import history


@pytest.fixture(scope="module", params=[1, 5])
def run(request: pytest.FixtureRequest) -> Run:
    return Run("key", {}, Fields(depth=request.param, steps=700), 1)


def test_records_one_by_one_are_those_of_the_whole(run: Run) -> None:
    made = history(run)
    whole = {
        (name, r.step): value for r in records("key", made) for name, value in r.values.items()
    }
    told = {
        (name, r.step): value
        for step in range(run.fields.steps + 1)
        for r in record_at("key", made, step)
        for name, value in r.values.items()
    }
    assert told == whole


def test_the_trace_holds_every_curve(run: Run) -> None:
    made = history(run)
    table = trace(made).to_pandas()
    for record in records("key", made):
        for name, value in record.values.items():
            rows = table[(table["series"] == name) & (table["step"] == record.step)]
            assert rows["value"].tolist() == [value]
    drawn = table[table["series"].isin(CURVES)]
    assert np.isfinite(drawn["value"]).all()
    assert len(drawn) == sum(len(record.values) for record in records("key", made))
