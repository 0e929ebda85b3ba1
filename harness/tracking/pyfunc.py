"""A trained network as the files of an MLflow model, complete and without a pickle."""

import shutil
import tempfile
import warnings
from importlib.metadata import version
from pathlib import Path

from mlflow.models import Model, ModelSignature
from mlflow.types.schema import ColSpec, ParamSchema, ParamSpec, Schema

PACKAGE = Path(__file__).parents[1]
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

    Args:
        path: the model's folder, to be made.
        network: the folder that `harness.saved.load_network` reads.
        run_id, model_id: MLflow's names of the run and of the logged model.
    """
    signature = ModelSignature(outputs=Schema([ColSpec("string")]), params=ParamSchema([*PARAMS]))
    with warnings.catch_warnings(), tempfile.TemporaryDirectory(prefix="ablate-") as made:
        warnings.simplefilter("ignore")  # MLflow about its own types, and about input examples
        import mlflow.pyfunc

        parts = {name: Path(made) / name for name in ("network", "code")}
        shutil.copytree(network, parts["network"])
        _copy_code(parts["code"] / "harness")
        mlflow.pyfunc.save_model(
            path, python_model=str(PACKAGE / "tracking" / "generator.py"), signature=signature,
            artifacts={name: str(part) for name, part in parts.items()},
            pip_requirements=requirements(),
            mlflow_model=Model(run_id=run_id, model_id=model_id),
        )  # fmt: skip


def requirements() -> list[str]:
    """What the model needs, as pip takes it: the versions here, whatever build they are."""
    return [f"{package}=={version(package).partition('+')[0]}" for package in REQUIRED]


def _copy_code(folder: Path) -> None:
    folder.mkdir(parents=True)
    for name in CODE:
        source = PACKAGE / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
