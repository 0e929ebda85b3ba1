"""A longer campaign of kills: python -m tests.campaign [--kills N] [--seed N]

Prints what was killed, what the kills left behind, and whether every store equals that of an
undisturbed study.
"""

import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import click

from harness.store.database import create
from tests.support.kills import Campaign, store
from tests.support.small_study import NAME
from tests.support.stores import picture


@click.command()
@click.option("--kills", default=200, show_default=True, help="How many kills.")
@click.option("--seed", default=1, show_default=True, help="Of victims and moments.")
def main(kills: int, seed: int) -> None:
    """Kill studies at random moments, and compare their stores with an undisturbed one."""
    with tempfile.TemporaryDirectory(prefix="ablate-campaign-") as folder:
        template = Path(folder) / "template.db"
        create(template)
        campaign = Campaign(template, Path(folder), random.Random(seed))  # noqa: S311 - no secret
        began = time.monotonic()
        expected = campaign.undisturbed()
        equal = 0
        while campaign.kills.total() < kills:
            finished = campaign.study(kills)
            equal += picture(store(finished), NAME) == expected
            click.echo(
                f"{campaign.kills.total()} of {kills} kills ({in_words(campaign.kills)}) in "
                f"{campaign.sessions} sessions; a dead coordinator left {in_words(campaign.left)}; "
                f"{equal} of {campaign.studies} stores equal to the undisturbed one; "
                f"{time.monotonic() - began:.0f} s"
            )
    sys.exit(equal < campaign.studies)


def in_words(counts: Counter[str]) -> str:
    """Counts, the largest first."""
    return ", ".join(f"{count} × {what}" for what, count in counts.most_common()) or "nothing"


if __name__ == "__main__":
    main()
