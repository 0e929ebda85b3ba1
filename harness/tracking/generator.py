"""The script of a study's MLflow model, which MLflow keeps with it and runs when it is loaded."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel


class Generator(PythonModel):
    """Writes names; the network's own code lies beside its weights."""

    def load_context(self, context: Any) -> None:
        """Load the network, with the harness where it is installed, else with the code kept."""
        sys.path.append(context.artifacts["code"])
        from harness.saved import load_network, read_config

        folder = Path(context.artifacts["network"])
        config = read_config(folder)
        self.network = load_network(folder)
        self.alphabet = config["corpus"]["alphabet"]
        self.context = config["fields"]["context"]

    def predict(
        self,
        context: Any,  # noqa: ARG002 - MLflow's signature
        model_input: np.ndarray,  # noqa: ARG002
        params: dict[str, Any] | None = None,
    ) -> list[str]:
        """So many names, equal for equal params.

        Args:
            context: MLflow's; the network is loaded already.
            model_input: nothing is read from it; its type is one that MLflow does not look into.
            params: n (how many), seed (of the draws), prefix, temperature; MLflow fills in those
                that are not given.

        Raises:
            ValueError: a param cannot be used.
        """
        from harness.sampling import sample
        from harness.streams import stream

        asked = params or {}
        n, prefix, temperature = asked["n"], asked["prefix"], asked["temperature"]
        if not 1 <= n <= 10_000 or not 0.01 <= temperature <= 100:
            raise ValueError(
                "n must be 1 to 10000 and temperature 0.01 to 100; "
                f"received n = {n}, temperature = {temperature}"
            )
        if not set(prefix) <= set(self.alphabet[1:]):
            raise ValueError(f"prefix must use {self.alphabet[1:]!r}; received {prefix!r}")
        draws = stream(asked["seed"], "samples")
        return sample(self.network, self.alphabet, self.context, n, draws, prefix, temperature)


set_model(Generator())
