"""When a run is measured: at its first and last step, and not too often in between."""

import pytest

from harness.training.schedule import schedule

STEPS = [1, 2, 3, 7, 60, 999, 10_000, 200_000]


@pytest.mark.parametrize("steps", STEPS)
def test_a_schedule_begins_at_the_first_step_and_ends_at_the_last(steps: int) -> None:
    plan = schedule(steps)
    assert min(plan.probes) == 0
    assert max(plan.probes) == steps - 1
    assert max(plan.evaluations) == steps
    assert min(plan.evaluations) > 0
    assert len(plan.probes) <= 50
    assert len(plan.evaluations) <= 8
    assert -(-steps // plan.window) <= 2000


@pytest.mark.parametrize("steps", STEPS)
def test_every_step_is_in_one_window(steps: int) -> None:
    plan = schedule(steps)
    ends = {step: count for step in range(steps) if (count := plan.window_end(step, steps))}
    assert sum(ends.values()) == steps
    assert max(ends) == steps - 1
    before = -1
    for end, count in sorted(ends.items()):
        assert end - before == count <= plan.window
        before = end
