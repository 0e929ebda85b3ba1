"""A trained network as it is saved: a folder with `weights.safetensors` and `config.json`."""

import json
from pathlib import Path
from typing import Any

from safetensors.torch import load_file

from harness.fields import Fields
from harness.network import MLP

WEIGHTS, CONFIG = "weights.safetensors", "config.json"


def read_config(folder: Path) -> dict[str, Any]:
    """What was saved beside the weights: fields, seed, and facts of the corpus."""
    config: dict[str, Any] = json.loads((folder / CONFIG).read_text("utf-8"))
    return config


def load_network(folder: Path) -> MLP:
    """The textbook network saved in a folder, in training mode.

    Raises:
        SafetensorError: the weights' file is damaged.
    """
    config = read_config(folder)
    fields = Fields.model_validate(config["fields"])
    return MLP.restored(fields, config["corpus"]["vocabulary"], load_file(folder / WEIGHTS))
