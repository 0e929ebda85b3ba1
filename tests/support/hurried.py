"""`ablate` with short intervals: python -m tests.support.hurried CHECKPOINT GIVE_UP …

Takes the seconds between checkpoints, then the seconds after which deliveries are given up; the
rest is ablate's. The whole program runs, in its own processes.
"""

import sys
from functools import partial
from unittest.mock import patch

from harness.cli import main
from harness.cli.signals import exit_at_once
from harness.engines.ray import cluster

if __name__ == "__main__":
    checkpoint, give_up, *arguments = sys.argv[1:]
    with (
        exit_at_once(),
        patch("harness.engines.local.CHECKPOINT_SECONDS", float(checkpoint)),
        patch("harness.engines.ray.cluster", partial(cluster, pause=float(checkpoint))),
        patch("harness.store.delivery.GIVE_UP", float(give_up)),
        patch("sys.argv", ["ablate", *arguments]),
    ):
        main()
