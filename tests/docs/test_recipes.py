"""The recipes of CONTRIBUTING.md are true: one of each is added to a copy where they say."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from tests.conftest import TINY
from tests.support.recipes import softsign

ROOT = Path(__file__).parents[2]

RMS = '''"""RMSNorm (Zhang & Sennrich 2019)."""

import torch
from torch import Tensor


class RMSNorm:
    """Each row divided by its root mean square, times γ (equation 4)."""

    def __init__(self, width: int) -> None:
        self.gamma = torch.ones(width)

    def __call__(self, x: Tensor) -> Tensor:
        """The normalised x (B, H)."""
        self.out = self.gamma * x / torch.sqrt((x * x).mean(1, keepdim=True) + 1e-5)
        return self.out

    def parameters(self) -> list[Tensor]:
        """γ."""
        return [self.gamma]

    def state(self) -> dict[str, Tensor]:
        """All that defines the layer, by attribute."""
        return {"gamma": self.gamma}


Textbook = RMSNorm
'''

FIGURE = '''"""The primary response of each run as a dot."""

from matplotlib.figure import Figure

from harness.report.drawing import Drawing
from harness.report.source import Source


def draw(source: Source) -> Figure | None:
    """One dot a run."""
    figure = Figure()
    runs = source.data.runs
    figure.subplots().plot(runs["variant"], runs[source.study.primary], "o")
    return figure


FIGURE = Drawing(
    "dots", "Effects", "Every run as a dot",
    caption=lambda source: "One dot a run.", alt=lambda source: "Dots.", draw=draw,
)
'''

STUDY = """
question = "Are the recipes true?"
seeds = 2
primary = "init/spread"

[fixed]
steps = 20
width = 16
depth = 2

[factors]
norm = ["layer", "rms"]
activation = ["tanh", "softsign"]
init = ["kaiming", "xavier"]

[baseline]
norm = "rms"
activation = "softsign"
init = "xavier"
"""

INIT = '    "xavier": lambda fan_in: (2 * fan_in) ** 0.5,  # of a square weight\n'
RESPONSE = """        Response("init/spread", "std at init", "of the first layer's outputs",
                 lambda run: float(run.at("std", 0)[0])),
"""
SPREAD = """    LayerFigure("spread", SATURATION, "Spread by layer", "Std of the hidden outputs.",
                "std", "init", "std"),
"""


def after(line: str, addition: str) -> tuple[str, str]:
    """An edit: these lines follow that one."""
    return line, line + addition


NETWORK = "harness/subjects/char_mlp"
ADDED: dict[str, dict[str, str | tuple[str, str]]] = {
    "a norm, an activation": {
        f"{NETWORK}/layers/norms/rms.py": RMS,
        f"{NETWORK}/layers/activations/softsign.py": softsign(),
    },
    "an init": {f"{NETWORK}/init.py": after("] = {\n", INIT)},
    "a response": {f"{NETWORK}/responses.py": after("    for response in (\n", RESPONSE)},
    "a figure of this network": {f"{NETWORK}/figures.py": after("...] = (\n", SPREAD)},
    "a figure of every study": {"harness/report/figures/dots.py": FIGURE},
    "a study": {"ablations/recipes.toml": STUDY},
}


def recipes() -> dict[str, list[str]]:
    """What may be added, and the places that CONTRIBUTING.md says to touch for it."""
    rows = re.findall(r"^\| (an? .*?) \| (.*?) \|$", (ROOT / "CONTRIBUTING.md").read_text("utf-8"),
                      re.MULTILINE)  # fmt: skip
    return {what: re.findall(r"`([\w/]+(?:/|\.py))`", places) for what, places in rows}


def test_the_test_touches_only_what_the_recipes_name() -> None:
    for what, edits in ADDED.items():
        for path in edits:
            place = path if path.endswith(".py") and "/figures/" not in path else ""
            named = recipes()[what]
            assert place in named or f"{Path(path).parent}/" in named, f"{what}: {path}"


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with one of each added."""
    copy = tmp_path_factory.mktemp("copy")
    for folder in ("harness", "ablations"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for edits in ADDED.values():
        for path, edit in edits.items():
            if isinstance(edit, str):
                (copy / path).write_text(edit)
                continue
            text = (copy / path).read_text()
            assert text.count(edit[0]) == 1, path
            (copy / path).write_text(text.replace(*edit))
    (copy / "words.txt").write_text("\n".join(TINY.split()))
    return copy


def ablate(copy: Path, *words: str) -> str:
    """What the copy's command line says."""
    environment = {**os.environ, "PYTHONPATH": str(copy), "ABLATE_DATA": str(copy / "words.txt")}
    environment.pop("MLFLOW_TRACKING_URI", None)
    script = "import sys; from harness.cli import main; sys.argv[0] = 'ablate'; main()"
    done = subprocess.run(
        [sys.executable, "-c", script, *words], cwd=copy, env=environment,
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.service
@pytest.mark.timeout(600)
def test_one_of_each_works_at_once(extended: Path) -> None:
    assert "Are the recipes true?" in ablate(extended, "list")
    assert "8 variants × 2 seeds = 16 runs" in ablate(extended, "plan", "recipes")
    assert "all 16 runs have ended" in ablate(extended, "run", "recipes", "--report")
    assert "bit-equal" in ablate(extended, "verify", "recipes")
    runs = pd.read_csv(extended / "reports" / "recipes" / "data" / "runs.csv")
    spread = runs.groupby("activation")["init/spread"].mean()
    assert set(runs["norm"]) == {"layer", "rms"}
    assert spread["softsign"] < spread["tanh"]  # it is flatter
    report = (extended / "reports" / "recipes" / "report.md").read_text()
    for name, title in (("dots", "Every run as a dot"), ("spread", "Spread by layer")):
        assert (extended / "reports" / "recipes" / "figures" / f"{name}.png").stat().st_size > 1_000
        assert title in report
