"""Whatever is killed, and whenever: the store comes to be that of an undisturbed study."""

import random
from pathlib import Path

import pytest

from tests.reliability.kills import Campaign, store
from tests.reliability.small import NAME
from tests.tracking.small import picture

KILLS = 25


@pytest.mark.service
@pytest.mark.timeout(1800)
def test_killed_at_random_moments_a_study_ends_as_if_undisturbed(
    template: Path, tmp_path: Path
) -> None:
    campaign = Campaign(template, tmp_path, random.Random(4))  # noqa: S311 - no secret
    expected = campaign.undisturbed()
    while campaign.kills.total() < KILLS:
        place = campaign.study(KILLS)
        assert picture(store(place), NAME) == expected
    assert set(campaign.kills) == {"coordinator", "worker"}
