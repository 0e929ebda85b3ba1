"""Made-up studies of every odd shape, with numbers like those of real networks."""

import tomllib
from typing import Any

import numpy as np
import pandas as pd

from harness.analysis.frames import StudyData, level_texts
from harness.analysis.gather import gather
from harness.curves import records
from harness.history import History, schedule
from harness.plan import TRAINER, Run, expand
from harness.responses import responses
from harness.study import Study
from harness.tables import trace

DIGEST = "d" * 16
STEPS = 2000

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


def history(run: Run, stop: float = 1.0) -> History:
    """A history of the shape that real ones have; not finite after that share of the steps."""
    fields = run.fields
    rng = np.random.default_rng([run.seed, *run.key.encode()])
    made = History.empty(fields.steps, fields.depth)
    plan = schedule(fields.steps)
    naive, normed = fields.init == "naive", fields.norm != "none"
    end = 2.15 + 0.12 * (naive and not normed) + 0.004 * fields.depth + 0.02 * (not normed)
    end += 0.01 * rng.standard_normal() + 0.05 * abs(np.log10(fields.lr / 0.1))
    start = 3.3 + (4.0 if naive else 0.5) * fields.output_scale

    def losses(steps: Any) -> Any:
        steps = np.asarray(steps, dtype=float)
        fall = end + (start - end) * np.exp(-steps / (0.03 * fields.steps))
        return np.where(steps <= stop * fields.steps, fall, np.nan)

    windows = (np.arange(len(made.loss)) + 1) * plan.window
    made.loss[:] = losses(windows) + 0.05 * rng.standard_normal(len(windows))
    made.curve_loss[:] = losses(plan.probes)
    made.dev_loss[:] = losses(plan.evaluations) + 0.01
    level = 0.8 if naive and not normed else 0.035
    layer = np.arange(1, fields.depth + 1)
    alive = np.array([step <= stop * fields.steps for step in plan.probes])
    for i in np.flatnonzero(alive):
        made.layers[i, :, 0] = 0.02 * rng.standard_normal(fields.depth)
        made.layers[i, :, 1] = 0.6
        made.layers[i, :, 2] = np.clip(level + 0.004 * rng.standard_normal(fields.depth), 0, 1)
        made.layers[i, :, 3] = 0.0
        made.layers[i, :, 4] = 0.003 * (1.08 if normed else 0.9) ** (fields.depth - layer)
        made.update_data[i] = -3 + 0.3 * naive - 0.5 * (plan.probes[i] > 0.75 * fields.steps)
        made.update_data[i] += 0.05 * np.arange(fields.depth + 2)
    centres = np.linspace(-1, 1, 80)
    bulk = np.exp(-((centres / 0.6) ** 2)) + 8 * level * (abs(centres) > 0.95)
    made.activation_histogram[:] = np.round(1000 * bulk)
    made.gradient_histogram[:] = np.round(1000 * np.exp(-((centres / 0.3) ** 2)))
    made.gradient_range[:] = 0.01
    if stop < 1:
        made.activation_histogram[1] = made.gradient_histogram[1] = np.nan
        return made
    made.final_loss[:] = end - 0.02, end, end + 0.003
    made.final_layers[:] = made.layers[-1, :, :4]
    return made


def row(run: Run, made: History, stop: float) -> dict[str, Any]:
    """A run's row of the runs table."""
    fields = run.fields
    ended = stop >= 1
    return {
        "run_key": run.key, "run_id": f"id{run.key}", "run_name": run.variant,
        "variant": run.variant, "seed": run.seed, "outcome": "finished" if ended else "diverged",
        **level_texts(run.cell), **responses(made), "minibatches": f"order-{run.seed}",
        "data_digest": DIGEST, "device": "cpu", "versions": "torch 2.13, numpy 2.4",
        "commit": "abcdef0", "trainer": str(TRAINER), "batch": str(fields.batch),
        "session": "first",
        "train_words": str(fields.train_words), "steps": str(fields.steps), "seconds": 4.0,
        "diverged_step": float("nan") if ended else stop * fields.steps,
        "diverged_cause": "" if ended else "loss",
    }  # fmt: skip


def long_tables(run: Run, made: History) -> dict[str, pd.DataFrame]:
    """The run's curves, layers, updates and histograms, as the store gives them."""
    fine = trace(made).to_pandas().assign(run_key=run.key)
    points = [(record.step, name, value) for record in records(run.key, made)
              for name, value in record.values.items()]  # fmt: skip
    curves = pd.DataFrame(points, columns=["step", "metric", "value"]).assign(run_key=run.key)
    quantities = ("mean", "std", "saturation", "dead", "gradient_std")
    layers = fine[fine["series"].isin([*quantities, *(f"final_{name}" for name in quantities)])]
    first, last = layers["step"].min(), layers.loc[layers["series"] == "mean", "step"].max()
    final = layers["series"].str.startswith("final_")
    layers = layers[final | layers["step"].isin([first, last])]
    when = np.where(layers["series"].str.startswith("final_"), "final",
                    np.where(layers["step"] == first, "init", "last"))  # fmt: skip
    layers = layers.assign(when=when, quantity=layers["series"].str.removeprefix("final_"))
    updates = fine[fine["series"] == "update_data"].rename(columns={"layer": "weight"})
    bins = fine[fine["series"].str.endswith("_histogram")].rename(columns={"value": "count"})
    bins = bins.assign(kind=bins["series"].str.removesuffix("_histogram"),
                       when=np.where(bins["step"] == 0, "init", "last"))  # fmt: skip
    return {"curves": curves, "layers": layers, "updates": updates, "histograms": bins}


def made_up(text: str = CORE, diverging: float = 0.0, lost: int = 0, **changes: Any) -> StudyData:
    """A whole study's data.

    Args:
        text: the study.
        diverging: share of the runs that diverge halfway.
        lost: how many runs are missing.
        changes: entries of the study replaced.
    """
    asked = study(text, **changes)
    planned = expand(asked, DIGEST)
    planned = planned[: len(planned) - lost]
    stops = [0.5 if i < diverging * len(planned) else 1.0 for i in range(len(planned))]
    histories = [history(run, stop) for run, stop in zip(planned, stops, strict=True)]
    rows = [row(run, made, stop) for run, made, stop in zip(planned, histories, stops, strict=True)]
    parts = [long_tables(run, made) for run, made in zip(planned, histories, strict=True)]
    tables = {name: pd.concat([part[name] for part in parts], ignore_index=True)
              for name in parts[0]}  # fmt: skip
    facts = {
        "corpus": "names.txt", "digest": DIGEST, "vocabulary": "27", "entropy/unigram": "2.823",
        "entropy/context": "1.869", "claims_digest": asked.claims_digest(),
        "experiment_id": "1", "tracking_uri": "http://127.0.0.1:5001",
    }  # fmt: skip
    return gather(study=asked, facts=facts, runs=pd.DataFrame(rows), **tables)
