"""Some twenty runs of every norm, activation and way round a block, with digests of all their bits.

`python -m tests.support.mini_grid` prints them. The sizes are odd, so that rows fill no register.
"""

import json
from collections.abc import Iterator
from hashlib import sha256

from harness.study.plan import Costs, Run, expand, make_stacks
from harness.study.study import Study
from harness.subjects.char_mlp import SUBJECT
from harness.subjects.char_mlp.layers import ACTIVATIONS, NORMS
from harness.subjects.corpus import Corpus
from harness.training.digests import Digest
from harness.training.records import Result
from harness.training.trainer import train
from tests.conftest import TINY

Rows = dict[str, dict[str, str]]  # columns of digests.csv, by variant

SIZES = {"steps": 60, "width": 37, "embedding": 5, "batch": 19}


def mini_grid(digest: str) -> Iterator[Run]:
    """Every norm × activation × residual, learning rates at one of which runs diverge, momentum."""
    factors = {"norm": list(NORMS), "activation": list(ACTIVATIONS), "residual": [False, True]}
    baseline = {"norm": "batch", "activation": "tanh", "residual": False}
    rates = {"lr": [0.5, 1e6]}
    for name, more, levels, base in (
        ("layers", {"depth": 3}, factors, baseline),
        ("rates", {"depth": 2, "norm": "none", "activation": "relu"}, rates, {"lr": 0.5}),
        ("heavy", {"depth": 2, "weight_decay": 0.01}, {"momentum": [0.0, 0.9]}, {"momentum": 0.9}),
    ):
        study = Study.model_validate({
            "name": name, "question": "?", "seeds": 1, "fixed": {**SIZES, **more},
            "factors": levels, "baseline": base,
        })  # fmt: skip
        yield from expand(study, digest)


def grid_rows() -> Rows:
    """The digests of everything measured of each run, and of its weights and samples."""
    corpus = Corpus.of("tiny", TINY.split(), "words written in the tests")
    runs = {run.key: run for run in mini_grid(corpus.digest)}
    found = {}
    for stack in make_stacks(runs.values(), Costs(SUBJECT, corpus)):
        for event in train(stack, SUBJECT, corpus):
            if isinstance(event, Result):
                columns = event.trace.columns()
                digest = Digest.of(event.outcome, event.files, columns, event.trace.steps)
                found[runs[event.key].variant] = digest.row()
    return found


def grid_hash(rows: Rows) -> str:
    """One hash of all."""
    return sha256(json.dumps(rows, sort_keys=True).encode()).hexdigest()[:16]


if __name__ == "__main__":
    print(json.dumps(grid_rows()))
