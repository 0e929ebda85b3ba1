"""Studies whose variants have different modules, as those of a user's PyTorch file may."""

import numpy as np

from harness.analysis.frames import StudyData
from harness.study.plan import Run
from harness.subjects.trace import Trace
from tests.report import another
from tests.support.made_up import made_up

LINE = {"name": "line", "source": "drawn by hand"}
RATES = another.STUDY.replace("[0.1, 0.2]", "[0.1, 0.2, 0.3, 0.4]")


def modules(run: Run, blocks: int) -> list[str]:
    """The modules of a run in the order of its forward pass: norms with an intercept only."""
    inside = ["self_attention", "mlp.act"]
    if run.cell["intercept"]:
        inside = ["self_attention", "attention_norm", "mlp.act"]
    parts = [f"transformer.blocks.{i}.{part}" for i in range(blocks) for part in inside]
    return ["embed", *parts, "head"]


def study_data(blocks: int, text: str = another.STUDY) -> StudyData:
    """A study, with so many blocks in every variant."""

    def trace(run: Run, stop: float) -> Trace:
        found, names = another.trace(run, stop), modules(run, blocks)
        depth = np.arange(len(names)) / len(names)  # (L,)
        random = np.random.default_rng([run.seed, *run.variant.encode()])
        for step in (0, 20, run.fields.steps - 1):
            noise = 0.05 * random.standard_normal(len(names))  # (L,)
            weights = [f"{name}.weight" for name in names]
            found.add("heat", step, 100 * (1 + depth + noise + run.fields.lr), names=names)
            found.add("pace", step, depth - 3 + noise + step / 40, names=weights)
        return found

    return made_up(text, measure=trace, facts=LINE)
