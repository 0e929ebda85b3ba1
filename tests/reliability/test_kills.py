"""Whatever is killed, and whenever: the store ends as that of an undisturbed study."""

import random
from pathlib import Path

import pytest

from tests.support.kills import Campaign, store
from tests.support.small_study import NAME
from tests.support.stores import picture

KILLS = 8


@pytest.mark.service
@pytest.mark.timeout(1800)
def test_killed_at_random_moments_a_study_ends_as_if_undisturbed(
    template: Path, tmp_path: Path
) -> None:
    campaign = Campaign(template, tmp_path, random.Random(4))  # noqa: S311 - no secret
    expected = campaign.undisturbed()
    while campaign.kills.total() < KILLS:
        folder = campaign.study(KILLS)
        assert picture(store(folder), NAME) == expected
    assert set(campaign.kills) == {"coordinator", "worker"}
