"""The wheel in a project that has a `harness` of its own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.support.recipes import softsign

ROOT = Path(__file__).parents[1]
pytestmark = [pytest.mark.service, pytest.mark.timeout(300)]
ABLATE = (
    "import sys; from ablation_harness.cli import main\n"
    "try: main()\n"
    "finally: assert not [name for name in sys.modules if name.startswith('harness.')]"
)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as pip fills it with the wheel, without what the wheel needs."""
    place, source = tmp_path_factory.mktemp("wheel"), tmp_path_factory.mktemp("source")
    for folder in ("harness", "ablations"):
        shutil.copytree(
            ROOT / folder, source / folder, ignore=shutil.ignore_patterns("__pycache__")
        )
    for file in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, source)
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-index", "--no-deps",
         "--no-build-isolation", "--wheel-dir", str(place), str(source)], check=True,
    )  # fmt: skip
    (wheel,) = place.glob("*.whl")
    with ZipFile(wheel) as archive:
        archive.extractall(place)
    wheel.unlink()
    return place


def ablate(installed: Path, project: Path, *words: str) -> str:
    """What the installed command says in a project."""
    done = subprocess.run(
        [sys.executable, "-c", ABLATE, *words], cwd=project, check=False,
        env={**os.environ, "PYTHONPATH": str(installed)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_installs_one_name_and_all_studies(installed: Path) -> None:
    names = {path.name for path in installed.iterdir() if path.suffix != ".dist-info"}
    assert names == {"ablation_harness"}
    shipped = {path.name for path in (installed / "ablation_harness" / "ablations").iterdir()}
    assert shipped == {path.name for path in (ROOT / "ablations").glob("*.toml")}
    (metadata,) = installed.glob("*.dist-info")
    assert {line.split(" = ")[1] for line in (metadata / "entry_points.txt").read_text().split("\n")
            if " = " in line} == {
        "ablation_harness.cli:main", "ablation_harness.store.app:app",
    }  # fmt: skip


def test_a_project_has_studies_models_and_a_harness_of_its_own(
    installed: Path, tmp_path: Path
) -> None:
    ablate(installed, tmp_path, "init", "mine", "--model")
    (tmp_path / "ablations" / "harness.py").write_text("WIDTH = 8\n")
    model = tmp_path / "ablations" / "mine.py"
    model.write_text(model.read_text().replace("width: int = 32", "width: int = harness.WIDTH")
                     .replace("import torch\n", "import harness\nimport torch\n", 1))  # fmt: skip
    listed = {line.split()[0] for line in ablate(installed, tmp_path, "list").splitlines()}
    assert {"core", "mine", "smoke"} <= listed
    few = ("mine", "--steps", "50", "--seeds", "2")
    said = ablate(installed, tmp_path, "run", *few, "--workers", "1", "--report")
    assert "all 8 runs have ended, 8 of them now.\n" in said
    assert said.endswith("reports/mine-steps-50-seeds-1-2/index.html\n")
    program = "import ablation_harness as h; print(h.load('mine', steps=50, seeds=2))"
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True, text=True,
                          env={**os.environ, "PYTHONPATH": str(installed)},
                          capture_output=True)  # fmt: skip
    assert done.stdout == "<Results of mine: 8 of 8 runs ended, 1 claim>\n"


OWN_LEVEL = """
question = "Does an activation of one's own train?"
seeds = 2
data = "embedded"
fixed = { depth = 2, width = 8, activation = "softsign", steps = 50 }
factors = { norm = ["none", "batch"] }
baseline = { norm = "batch" }
"""


def test_a_project_has_levels_of_its_own_and_so_has_its_model(
    installed: Path, tmp_path: Path
) -> None:
    project, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    activations = project / "ablations" / "activations"
    activations.mkdir(parents=True)
    (activations / "softsign.py").write_text(softsign())
    (project / "ablations" / "own.toml").write_text(OWN_LEVEL)
    few = ("own",)
    assert "runs the code of ablations/activations/softsign.py\n" in ablate(
        installed, project, "plan", *few
    )
    said = ablate(installed, project, "run", *few, "--workers", "2")
    assert "all 4 runs have ended, 4 of them now.\n" in said
    assert "bit-equal" in ablate(installed, project, "verify", *few)
    (model,) = project.glob("mlartifacts/**/MLmodel")
    shutil.move(model.parent, elsewhere)
    program = (
        "import mlflow.pyfunc; model = mlflow.pyfunc.load_model('.')\n"
        "print(len(model.predict(None, params={'n': 4})))"
    )
    alone = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", program], cwd=elsewhere, text=True,
                          env=alone, capture_output=True, check=False)  # fmt: skip
    assert done.stdout.splitlines()[-1:] == ["4"], done.stderr
