"""Made-up studies of every odd shape, with numbers like those of real networks."""

import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from harness.analysis.frames import StudyData, level_texts
from harness.analysis.gather import gather
from harness.study.plan import Run, expand
from harness.study.study import Study
from harness.subjects.char_mlp.responses import growth, mean, middle_update, worst
from harness.subjects.items import Items
from harness.subjects.trace import Trace
from harness.training.schedule import schedule
from tests.support.simulated import DIGEST

OF_NAMES = {
    "name": "names.txt", "source": "written in the tests", "vocabulary": "27", "context": "3",
    "entropy/unigram": "2.823", "entropy/context": "1.869",
}  # fmt: skip

CORE = """
question = "Which of BatchNorm, Kaiming init and a quiet last layer does a deep tanh MLP need?"
seeds = 5
[fixed]
steps = 2000
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
[[claims]]
id = "bn-saturation"
says = "BatchNorm keeps tanh saturation under 5 %"
kind = "threshold"
response = "final/saturation_worst"
below = 0.05
where = { norm = "batch" }
over = "every"
[[claims]]
id = "kaiming-loss"
says = "Kaiming init lowers the final loss"
kind = "difference"
factor = "init"
level = "kaiming"
versus = "naive"
"""

ONE_FACTOR = """
question = "With BatchNorm or without?"
seeds = 3
[fixed]
steps = 2000
[factors]
norm = ["none", "batch"]
[baseline]
norm = "batch"
[bare]
norm = "none"
"""

FOUR_FACTORS = """
question = "Does BatchNorm enable deeper networks?"
seeds = 2
[fixed]
steps = 2000
[factors]
norm = ["none", "batch"]
init = ["naive", "kaiming"]
gain = [1.0, 1.6666666666666667]
depth = [5, 10, 20, 30, 50]
[baseline]
norm = "batch"
init = "kaiming"
gain = 1.0
depth = 5
[bare]
norm = "none"
"""

TWELVE_RATES = """
question = "Which rate is best?"
seeds = 2
[fixed]
steps = 2000
[factors]
lr = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0]
[baseline]
lr = 0.1
"""

MANY = """
question = "What do sixty variants show?"
seeds = 2
[fixed]
steps = 2000
[factors]
norm = ["none", "batch"]
init = ["naive", "kaiming"]
lr = [0.001, 0.01, 0.1, 0.3, 1.0]
activation = ["tanh", "relu", "gelu"]
[baseline]
norm = "batch"
init = "kaiming"
lr = 0.1
activation = "tanh"
[bare]
norm = "none"
init = "naive"
"""

RATES = """
question = "Does BatchNorm allow higher learning rates?"
seeds = 3
[fixed]
steps = 2000
[factors]
norm = ["none", "batch"]
lr = [0.03, 0.1, 0.3, 1.0, 3.0]
[baseline]
norm = "batch"
lr = 0.1
[bare]
norm = "none"
[[claims]]
id = "higher-rates"
says = "BatchNorm allows higher learning rates"
kind = "interaction"
factor = "norm"
level = "batch"
versus = "none"
by = "lr"
at = [3.0, 0.1]
"""

ONE_AT_A_TIME = 'design = "one_at_a_time"\n' + CORE

TUNED = """
question = "Which norm is best at its best rate?"
seeds = 4
[fixed]
steps = 2000
[factors]
norm = ["none", "batch"]
init = ["naive", "kaiming"]
[tuned]
lr = [0.03, 0.1, 0.3, 1.0]
[baseline]
norm = "batch"
init = "kaiming"
lr = 0.1
[bare]
norm = "none"
init = "naive"
[[claims]]
id = "norm-helps"
says = "BatchNorm lowers the loss at its best rate"
kind = "difference"
factor = "norm"
level = "batch"
versus = "none"
"""

SOME_LEFT_OUT = """
question = "What do small batches need?"
seeds = 3
[fixed]
steps = 2000
[factors]
norm = ["none", "batch", "layer"]
batch = [1, 8, 32]
lr = [0.1, 0.3]
residual = [false, true]
[[exclude]]
norm = "batch"
batch = 1
[[exclude]]
norm = "none"
batch = 32
lr = 0.3
[[only]]
factor = "residual"
where = { norm = ["none", "layer"] }
[baseline]
norm = "layer"
batch = 32
lr = 0.1
[bare]
norm = "batch"
residual = true
[[claims]]
id = "batch-norm"
says = "BatchNorm does better than no norm"
kind = "difference"
factor = "norm"
level = "batch"
versus = "none"
"""

SWITCH = """
question = "Does a residual connection help?"
seeds = 2
[fixed]
steps = 2000
[factors]
residual = [false, true]
width = [50, 100, 200]
[baseline]
residual = true
width = 100
"""


def study(text: str = CORE, **changes: Any) -> Study:
    """A study from TOML, with some entries replaced."""
    return Study.model_validate({"name": "made-up", **tomllib.loads(text), **changes})


def made_up_trace(run: Run, stop: float = 1.0) -> Trace:
    """A trace of the shape that real ones have; not finite after that share of the steps."""
    fields = run.fields
    depth, steps, plan = fields.depth, fields.steps, schedule(fields.steps)
    rng = np.random.default_rng([run.seed, *run.variant.encode()])
    trace = Trace(steps)
    naive, normed = fields.init == "naive", fields.norm != "none"
    end = 2.15 + 0.12 * (naive and not normed) + 0.004 * depth + 0.02 * (not normed)
    end += 0.01 * rng.standard_normal() + 0.05 * abs(np.log10(fields.lr / 0.1))
    start = 3.3 + (4.0 if naive else 0.5) * fields.output_scale

    def loss(step: int) -> float:
        return float(end + (start - end) * np.exp(-step / (0.03 * steps)))

    windows = np.arange(1, -(-steps // plan.window) + 1) * plan.window
    noise = 0.05 * rng.standard_normal(len(windows))
    for done, apart in zip(windows.tolist(), noise, strict=True):
        if done <= stop * steps:
            trace.add("loss", min(done, steps) - 1, loss(done) + apart)
    level = 0.8 if naive and not normed else 0.035
    behind = depth - np.arange(1, depth + 1)  # layers between this one and the last
    for step in sorted(plan.probes):
        if step > stop * steps:
            break
        trace.add("train/loss", step, loss(step))
        trace.add("mean", step, 0.02 * rng.standard_normal(depth))
        trace.add("std", step, np.full(depth, 0.6))
        saturation = np.clip(level + 0.004 * rng.standard_normal(depth), 0, 1)
        gradient_std = 0.003 * (1.08 if normed else 0.9) ** behind
        update_data = -3 + 0.3 * naive - 0.5 * (step > 0.75 * steps) + 0.05 * np.arange(depth + 2)
        trace.add("saturation", step, saturation)
        trace.add("dead", step, np.zeros(depth))
        trace.add("gradient_std", step, gradient_std)
        trace.add("update_data", step, update_data, first_layer=0)
        trace.add("diag/saturation_worst", step, worst(saturation))
        trace.add("diag/saturation_mean", step, mean(saturation))
        trace.add("diag/dead_units", step, 0.0)
        trace.add("diag/gradient_growth", step, growth(gradient_std))
        trace.add("diag/update_data", step, middle_update(update_data))
    for done in sorted(plan.evaluations):
        if done <= stop * steps:
            trace.add("eval/dev_loss", done, loss(done) + 0.01)
    centres = np.linspace(-1, 1, 80)
    bulk = np.exp(-((centres / 0.6) ** 2)) + 8 * level * (abs(centres) > 0.95)
    activations = np.tile(np.round(1000 * bulk), (depth, 1))
    gradients = np.tile(np.round(1000 * np.exp(-((centres / 0.3) ** 2))), (depth, 1))
    for step in (0, steps - 1) if stop >= 1 else (0,):
        trace.add("activation_histogram", step, activations)
        trace.add("activation_range", step, np.ones(depth))
        trace.add("gradient_histogram", step, gradients)
        trace.add("gradient_range", step, np.full(depth, 0.01))
    if stop >= 1:
        trace.add("final_train_loss", steps, end - 0.02)
        trace.add("final_dev_loss", steps, end)
        trace.add("final_test_loss", steps, end + 0.003)
        for name in ("mean", "std", "saturation", "dead"):
            trace.add(f"final_{name}", steps, trace.last(name))
    return trace


def row(asked: Study, run: Run, trace: Trace, stop: float) -> dict[str, Any]:
    """A run's row of the runs table."""
    fields, ended = run.fields, stop >= 1
    return {
        "run_key": run.key, "run_id": f"id{run.key}", "run_name": run.variant,
        "variant": run.variant, "seed": run.seed, "outcome": "finished" if ended else "diverged",
        **level_texts(run.cell),
        **{name: response.of(trace) for name, response in asked.model.responses.items()},
        "minibatches": f"order-{run.seed}", "data_digest": DIGEST, "device": "cpu",
        "versions": "torch 2.13, numpy 2.4", "commit": "abcdef0",
        "subject": asked.subject, "version": asked.model.version, "session": "first",
        "seconds": 4.0,
        **{name: str(getattr(fields, name)) for name in asked.model.budget},
        "diverged_step": float("nan") if ended else stop * fields.steps,
        "diverged_cause": "" if ended else "loss",
    }  # fmt: skip


@dataclass(frozen=True)
class InMemory:
    """A made-up study as `harness.store.reading.StoredStudy` gives a stored one."""

    study: Study
    facts: dict[str, str]
    runs: pd.DataFrame
    made: dict[str, Trace]
    unread: dict[str, str] = field(default_factory=dict)

    def items(self) -> Iterator[tuple[str, dict[str, Items]]]:
        """Losses of 300 made-up words, whose mean is the run's dev loss."""
        words = np.random.default_rng(0)
        sizes, hard = words.integers(3, 10, 300), words.normal(0, 0.5, 300)
        finished = self.runs[self.runs["outcome"] == "finished"]
        losses = finished.get("final/dev_loss", pd.Series())
        for key, loss in zip(finished["run_key"], losses, strict=False):
            own = np.random.default_rng(int(key[:8], 16)).normal(0, 0.05, 300)
            means = hard + own
            means += loss - (means * sizes).sum() / sizes.sum()
            yield key, {"dev_loss": Items(means, sizes)}

    def traces(self, batch: int = 100) -> Iterator[pd.DataFrame]:
        """The traces of so many runs at a time, in long form."""
        keys = list(self.made)
        for first in range(0, len(keys), batch):
            yield pd.concat(
                [pd.DataFrame(self.made[key].columns()).assign(run_key=key)
                 for key in keys[first : first + batch]],
                ignore_index=True,
            )  # fmt: skip


def in_memory(
    text: str = CORE,
    diverging: float = 0.0,
    lost: int = 0,
    measure: Callable[[Run, float], Trace] = made_up_trace,
    facts: Mapping[str, str] = OF_NAMES,
    **changes: Any,
) -> InMemory:
    """A whole made-up study.

    Args:
        text: the study.
        diverging: share of the runs that diverge halfway.
        lost: how many runs are missing.
        measure: makes up the trace of a run that stops after some share of its steps.
        facts: about the data.
        changes: entries of the study replaced.
    """
    asked = study(text, **changes)
    planned = expand(asked, DIGEST)
    planned = planned[: len(planned) - lost]
    stops = [0.5 if i < diverging * len(planned) else 1.0 for i in range(len(planned))]
    traces = [measure(run, stop) for run, stop in zip(planned, stops, strict=True)]
    rows = [row(asked, *each) for each in zip(planned, traces, stops, strict=True)]
    place = {"experiment_id": "1", "tracking_uri": "http://127.0.0.1:5001"}
    whole = {**facts, "digest": DIGEST, "claims_digest": asked.claims_digest(), **place}
    made = {run.key: trace for run, trace in zip(planned, traces, strict=True)}
    return InMemory(asked, whole, pd.DataFrame(rows), made)


def made_up(text: str = CORE, diverging: float = 0.0, lost: int = 0, **options: Any) -> StudyData:
    """The tidy tables of a whole made-up study; arguments as `in_memory`'s."""
    return gather(in_memory(text, diverging, lost, **options))
