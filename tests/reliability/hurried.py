"""`ablate`, for tests in a hurry: python -m tests.reliability.hurried CHECKPOINT INSISTENCE …

The seconds between checkpoints and the seconds of insisting on delivery come first; the rest is
ablate's. What runs is the whole program, in its own processes.
"""

import sys

from harness.commands import main
from harness.interrupt import leaving_at_once

if __name__ == "__main__":
    with leaving_at_once():
        import harness.delivery
        import harness.engine.local

        harness.engine.local.CHECKPOINT_SECONDS = float(sys.argv[1])
        harness.delivery.INSISTENCE = float(sys.argv[2])
        sys.argv = ["ablate", *sys.argv[3:]]
        main()
