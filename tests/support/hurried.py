"""`ablate` with short intervals: python -m tests.support.hurried CHECKPOINT GIVE_UP …

Takes the seconds between checkpoints, then the seconds after which deliveries are given up; the
rest is ablate's. The whole program runs, in its own processes.
"""

import sys

from harness.cli import main
from harness.cli.signals import exit_at_once

if __name__ == "__main__":
    with exit_at_once():
        import harness.engines.local
        import harness.store.delivery

        harness.engines.local.CHECKPOINT_SECONDS = float(sys.argv[1])
        harness.store.delivery.GIVE_UP = float(sys.argv[2])
        sys.argv = ["ablate", *sys.argv[3:]]
        main()
