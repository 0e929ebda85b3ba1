"""A study's MLflow model: MLflow keeps this script with it, and runs it to load the model."""

from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from harness.errors import UserError
from harness.store.artifacts import read_artifacts
from harness.subjects.subject import SampleRequest


class Generator(PythonModel):
    """Writes samples with a trained run, whose files lie beside the script."""

    def load_context(self, context: PythonModelContext) -> None:
        """Read the run's files."""
        files = {name: Path(path) for name, path in context.artifacts.items()}
        self.subject, self.run = read_artifacts(
            files["run"], lambda subject: str(files["code"] / Path(subject).name)
        )

    def predict(
        self,
        context: PythonModelContext,  # noqa: ARG002 - MLflow's signature
        model_input: pd.DataFrame,  # noqa: ARG002 - MLflow warns of most other types
        params: dict[str, Any] | None = None,
    ) -> list[str]:
        """So many samples, equal for equal params.

        Args:
            context: as of `load_context`.
            model_input: nothing is read from it.
            params: n (how many), seed (of the draws), prefix, temperature; MLflow fills in those
                that are not given.

        Raises:
            UserError: a param cannot be used.
        """
        asked = dict(params or {})
        request = SampleRequest(asked.pop("n"), **asked)
        if not 1 <= request.count <= 10_000 or not 0.01 <= request.temperature <= 100:
            raise UserError(
                "n must be from 1 to 10000, and temperature from 0.01 to 100",
                f"n = {request.count}, temperature = {request.temperature}",
                "Choose other values.",
            )
        return self.subject.sample(self.run, request) or []


set_model(Generator())
