"""Made-up studies whose truth is known: what the analysis is tested on."""

import tomllib
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from harness.analysis.frames import StudyData, level_texts
from harness.analysis.gather import gather
from harness.plan import TRAINER, Run, expand
from harness.study import Levels, Study

DIGEST = "d" * 16
FACTS = {
    "digest": DIGEST,
    "vocabulary": "27",
    "entropy/unigram": "2.823",
    "entropy/context": "1.869",
}

CORE = """
question = "Which part matters?"
seeds = 5
[factors]
norm = ["none", "batch"]
init = ["naive", "kaiming"]
output_scale = [1.0, 0.1]
depth = [1, 5, 10]
[baseline]
norm = "batch"
init = "kaiming"
output_scale = 0.1
depth = 5
[bare]
norm = "none"
init = "naive"
output_scale = 1.0
"""

Truth = Callable[[Levels, int], float]


def study(text: str = CORE, **changes: Any) -> Study:
    """A study from TOML, with some entries replaced."""
    return Study.model_validate({"name": "simulated", **tomllib.loads(text), **changes})


def runs_of(asked: Study, truth: Truth, response: str = "final/dev_loss") -> pd.DataFrame:
    """One finished run per cell and seed, whose response is the truth's."""
    return pd.DataFrame(
        [_row(run, response, truth(run.cell, run.seed)) for run in expand(asked, DIGEST)]
    )


def _row(run: Run, response: str, value: float) -> dict[str, Any]:
    fields = run.fields
    return {
        "run_key": run.key, "run_id": f"id-{run.key}", "run_name": run.variant,
        "variant": run.variant, "seed": run.seed, "outcome": "finished",
        **level_texts(run.cell), response: value,
        "minibatches": f"{run.seed}-{fields.batch}-{fields.train_words}-{fields.steps}",
        "data_digest": DIGEST, "device": "cpu", "versions": "torch 2", "commit": "abc",
        "trainer": str(TRAINER), "batch": str(fields.batch), "train_words": str(fields.train_words),
        "steps": str(fields.steps), "seconds": 1.0,
    }  # fmt: skip


def data(asked: Study, truth: Truth, response: str = "final/dev_loss", **frames: Any) -> StudyData:
    """A whole study's data; the tables not given are empty."""
    empty = {
        "curves": ["run_key", "metric", "step", "value"],
        "layers": ["run_key", "when", "layer", "quantity", "value"],
        "updates": ["run_key", "step", "weight", "value"],
        "histograms": ["run_key", "kind", "when", "layer", "left", "right", "count"],
    }
    tables = {
        name: frames.get(name, pd.DataFrame(columns=columns)) for name, columns in empty.items()
    }
    runs = frames.get("runs", runs_of(asked, truth, response))
    facts = FACTS | {"claims_digest": asked.claims_digest()}
    return gather(study=asked, facts=frames.get("facts", facts), runs=runs, **tables)


def noise(seed: int = 0, sd: float = 0.01) -> Truth:
    """Independent normal noise, the same for the same cell and seed."""
    generator = np.random.default_rng(seed)
    drawn: dict[str, float] = {}

    def value(cell: Levels, block: int) -> float:
        return drawn.setdefault(f"{cell}/{block}", sd * float(generator.standard_normal()))

    return value
