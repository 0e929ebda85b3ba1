"""Made-up studies whose truth is known: what the analysis is tested on."""

import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from harness.analysis.frames import StudyData, level_texts
from harness.analysis.gather import gather
from harness.study.levels import Levels
from harness.study.plan import Run, expand
from harness.study.study import Study
from harness.subjects.items import Items
from harness.subjects.trace import COLUMNS

DIGEST = "d" * 16
FACTS = {
    "digest": DIGEST,
    "vocabulary": "27",
    "context": "3",
    "entropy/unigram": "2.823",
    "entropy/context": "1.869",
}
TRACE = ("run_key", *COLUMNS)

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
        [_row(asked, run, response, truth(run.cell, run.seed)) for run in expand(asked, DIGEST)]
    )


def _row(asked: Study, run: Run, response: str, value: float) -> dict[str, Any]:
    budget = {name: str(getattr(run.fields, name)) for name in asked.model.budget}
    return {
        "run_key": run.key, "run_id": f"id-{run.key}", "run_name": run.variant,
        "variant": run.variant, "seed": run.seed, "outcome": "finished",
        **budget, **level_texts(run.cell), response: value,
        "minibatches": f"{run.seed}-{'-'.join(budget.values())}",
        "data_digest": DIGEST, "device": "cpu", "versions": "torch 2", "commit": "abc",
        "subject": asked.subject, "version": asked.model.version, "seconds": 1.0,
    }  # fmt: skip


@dataclass(frozen=True)
class InMemory:
    """A study that no store holds; see `harness.analysis.gather.Stored`."""

    study: Study
    facts: dict[str, str]
    runs: pd.DataFrame
    trace: pd.DataFrame
    kept: Mapping[str, Mapping[str, Items]]
    unread: dict[str, str] = field(default_factory=dict)

    def items(self) -> Iterator[tuple[str, Mapping[str, Items]]]:
        """What is kept of the items, by run."""
        yield from self.kept.items()

    def traces(self, batch: int = 100) -> Iterator[pd.DataFrame]:
        """The traces of so many runs at a time."""
        keys = self.trace["run_key"].unique()
        for first in range(0, len(keys), batch):
            yield self.trace[self.trace["run_key"].isin(keys[first : first + batch])]


def stored(asked: Study, truth: Truth, response: str = "final/dev_loss", **frames: Any) -> InMemory:
    """A whole study: `runs`, `trace`, `facts`, `items` and `unread` may be given."""
    return InMemory(
        study=asked,
        facts=frames.get("facts", FACTS | {"claims_digest": asked.claims_digest()}),
        runs=frames["runs"] if "runs" in frames else runs_of(asked, truth, response),
        trace=frames.get("trace", pd.DataFrame(columns=list(TRACE))),
        kept=frames.get("items", {}),
        unread=frames.get("unread", {}),
    )


def data(asked: Study, truth: Truth, response: str = "final/dev_loss", **frames: Any) -> StudyData:
    """A whole study's tables; arguments as `stored`'s."""
    return gather(stored(asked, truth, response, **frames))


def noise(seed: int = 0, sd: float = 0.01) -> Truth:
    """Independent normal noise, the same for the same cell and seed."""
    generator = np.random.default_rng(seed)
    drawn: dict[str, float] = {}

    def value(cell: Levels, block: int) -> float:
        return drawn.setdefault(f"{cell}/{block}", sd * float(generator.standard_normal()))

    return value
