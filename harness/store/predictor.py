"""A study's MLflow model whose run writes no samples: it gives the outputs of the user's model."""

from pathlib import Path

import numpy as np
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from harness.store.artifacts import read_artifacts


class Predictor(PythonModel):
    """Computes outputs with a trained run, whose files and code lie beside the script."""

    def load_context(self, context: PythonModelContext) -> None:
        """Read the run's files."""
        files = {name: Path(path) for name, path in context.artifacts.items()}
        self.subject, self.run = read_artifacts(
            files["run"], lambda subject: str(files["code"] / Path(subject).name)
        )

    # MLflow knows no type for arrays of any shape, and warns of both: a hint, and none.
    _skip_type_hint_validation = True

    def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def] # noqa: ARG002
        """The outputs of the trained model, in eval mode, for a batch of inputs."""
        return self.subject.predict(self.run, np.asarray(model_input))


set_model(Predictor())
