"""A trained network as the files of an MLflow model, complete and without a pickle."""

import json
import platform
import shutil
import warnings
from importlib.metadata import version
from pathlib import Path

from mlflow.models import Model, ModelSignature
from mlflow.types.schema import ColSpec, ParamSchema, ParamSpec, Schema

PACKAGE = Path(__file__).parents[1]
LOADER = "ablate_generator"  # a name that no other module has: MLflow puts its folder first
REQUIRED = ("mlflow", "numba", "numpy", "pydantic", "safetensors", "torch")
# What the network is made of: kept with the model, which so works where there is no harness.
CODE = ("__init__.py", "errors.py", "fields.py", "history.py", "init.py", "network.py",
        "sampling.py", "saved.py", "streams.py", "layers")  # fmt: skip
PARAMS = (
    ParamSpec("n", "long", 20),
    ParamSpec("seed", "long", 1),
    ParamSpec("prefix", "string", ""),
    ParamSpec("temperature", "double", 1.0),
)


def save_model(path: Path, network: Path, run_id: str, model_id: str) -> None:
    """Write an MLflow model: weights, config, code, requirements and signature.

    File by file, because `mlflow.pyfunc.save_model` looks through all installed packages, which
    takes 0.6 s.

    Args:
        path: the model's folder, to be made.
        network: the folder that `harness.saved.load_network` reads.
        run_id, model_id: MLflow's names of the run and of the logged model.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow about its own types
        import mlflow.pyfunc

    shutil.copytree(network, path / "data" / "network")
    _copy_code(path / "data" / "code" / "harness")
    (path / "code").mkdir()
    shutil.copy(PACKAGE / "tracking" / "generator.py", path / "code" / f"{LOADER}.py")
    _write_environment(path)
    signature = ModelSignature(outputs=Schema([ColSpec("string")]), params=ParamSchema([*PARAMS]))
    model = Model(run_id=run_id, model_id=model_id, signature=signature)
    mlflow.pyfunc.add_to_model(
        model, LOADER, data="data", code="code",
        conda_env="conda.yaml", python_env="python_env.yaml",
    )  # fmt: skip
    model.save(str(path / "MLmodel"))


def requirements() -> list[str]:
    """What the model needs, as pip takes it: the versions here, whatever build they are."""
    return [f"{package}=={version(package).partition('+')[0]}" for package in REQUIRED]


def _write_environment(folder: Path) -> None:
    """The requirements in the three forms that MLflow asks for; JSON is YAML."""
    python, needed = platform.python_version(), requirements()
    (folder / "requirements.txt").write_text("".join(f"{line}\n" for line in needed))
    conda = {
        "name": "mlflow-env", "channels": ["conda-forge"],
        "dependencies": [f"python={python}", "pip", {"pip": needed}],
    }  # fmt: skip
    virtual = {
        "python": python, "build_dependencies": ["pip", "setuptools", "wheel"],
        "dependencies": ["-r requirements.txt"],
    }  # fmt: skip
    (folder / "conda.yaml").write_text(json.dumps(conda, indent=1) + "\n")
    (folder / "python_env.yaml").write_text(json.dumps(virtual, indent=1) + "\n")


def _copy_code(folder: Path) -> None:
    folder.mkdir(parents=True)
    for name in CODE:
        source = PACKAGE / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
