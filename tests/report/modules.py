"""A study whose variants have different modules, as those of a user's PyTorch file may."""

import numpy as np

from harness.analysis.frames import StudyData
from harness.study.plan import Run
from harness.subjects.trace import Trace
from tests.report import another
from tests.support.made_up import made_up

ANOTHER = {"name": "line", "source": "drawn by hand"}


def modules(run: Run, blocks: int) -> list[str]:
    """The modules of a run in the order of its forward pass: norms with an intercept only."""
    parts = ("attention_norm", "attention", "mlp.act") if run.cell["intercept"] else (
        "attention", "mlp.act")  # fmt: skip
    return ["embed", *(f"transformer.blocks.{i}.{part}" for i in range(blocks) for part in parts),
            "head"]  # fmt: skip


def made(blocks: int) -> StudyData:
    """The study, with so many blocks in every variant."""

    def trace(run: Run, stop: float) -> Trace:
        found, names = another.trace(run, stop), modules(run, blocks)
        depth = np.arange(len(names)) / len(names)
        for step in (0, 20, run.fields.steps - 1):
            noise = 0.02 * np.random.default_rng([run.seed, step]).standard_normal(len(names))
            if found.at("heat", step).size > 1:
                found.add("heat", step, 100 * (1 + depth + noise), names=names)
                found.add("pace", step, depth - 3 + noise + step / 40, names=[
                    f"{name}.weight" for name in names])  # fmt: skip
        return found

    return made_up(another.STUDY, measure=trace, facts=ANOTHER)
