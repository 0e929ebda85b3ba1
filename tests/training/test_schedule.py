"""When a run is measured: at its first and last step, and not too often in between."""

import numpy as np
import pytest

from harness.training.schedule import schedule, whole_root

STEPS = [1, 2, 3, 7, 60, 999, 4_321, 10_000, 200_000]  # 4,321: the last window is shorter


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


@pytest.mark.parametrize("steps", [60, 400, 5_000, 10_000, 100_000, 200_000])
def test_probes_are_spaced_by_ratio_and_evenly(steps: int) -> None:
    """For these lengths floating point gives the same, which it does not for every length."""
    spaced = [*np.geomspace(1, steps, 13), *np.linspace(0, steps, 14)]
    assert schedule(steps).probes == {max(1, int(place)) - 1 for place in spaced}
    assert schedule(steps).evaluations == set(np.linspace(0, steps, 9).astype(int)[1:].tolist())


def test_a_root_is_whole_where_the_number_is_a_power() -> None:
    """Where `np.geomspace` gives 4 or 3.9999999999999996, as the processor has it."""
    for base in (2, 3, 4, 19, 1000):
        for degree in (2, 3, 12):
            assert whole_root(base**degree, degree) == base
            assert whole_root(base**degree - 1, degree) == base - 1
