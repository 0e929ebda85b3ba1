"""A user's own training loop, in whatever framework: a file with `METRICS` and `train(run)`.

`run.py` is what the loop is given, `members.py` drives it for the harness, `subject.py` ties these
to the seam. May import: what `subjects` offers to all. Nothing here loads torch.
"""

from harness.subjects.loop.subject import LoopSubject

__all__ = ["LoopSubject"]
