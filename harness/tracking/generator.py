"""The loader of a study's MLflow model: a file that is kept with it, and imports no MLflow."""

import sys
from pathlib import Path
from typing import Any


class Generator:
    """Writes names; the network's own code lies beside its weights.

    Args:
        data: the folder with `network/`, as `harness.saved` reads it, and `code/`.
    """

    def __init__(self, data: Path) -> None:
        sys.path.append(str(data / "code"))  # last: where the harness is installed, that is taken
        from harness.saved import load_network, read_config

        config = read_config(data / "network")
        self.network = load_network(data / "network")
        self.alphabet = config["corpus"]["alphabet"]
        self.context = config["fields"]["context"]

    def predict(
        self,
        model_input: object,  # noqa: ARG002 - MLflow's signature
        params: dict[str, Any] | None = None,
    ) -> list[str]:
        """So many names, equal for equal params.

        Args:
            model_input: nothing is read from it.
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


def _load_pyfunc(data_path: str) -> Generator:
    """What MLflow calls to load the model, by that name."""
    return Generator(Path(data_path))
