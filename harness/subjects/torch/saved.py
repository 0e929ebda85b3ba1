"""The model of a run that has ended."""

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import nn

from harness.errors import UserError
from harness.subjects.streams import seeded, stream
from harness.subjects.subject import WEIGHTS, Array, Trained
from harness.subjects.torch.subject import TorchSubject


def saved_model(subject: TorchSubject, run: Trained) -> nn.Module:
    """A run's model with its trained weights, in eval mode.

    Lazy layers take the shapes of the weights, so that no data is needed.

    Raises:
        UserError: the weights are missing, damaged, or those of another model.
    """
    with seeded(stream(run.seed, "weights")):
        model = subject.build(run.fields, run.facts)
    try:
        model.load_state_dict(load(run.files[WEIGHTS]))
    except (KeyError, SafetensorError, RuntimeError) as error:
        raise UserError(
            f"the run's {WEIGHTS} must hold the weights of the model that {subject.name} builds",
            str(error).splitlines()[0],
            "Restore that file, or restore the model file as it was when the run was trained.",
        ) from None
    return model.eval()


def outputs(subject: TorchSubject, run: Trained, inputs: Array) -> Array:
    """What a run's model gives for inputs, as it stands in its first parameter's type."""
    model = saved_model(subject, run)
    x = torch.from_numpy(np.ascontiguousarray(inputs))
    if x.is_floating_point():
        x = x.to(next(model.parameters()).dtype)
    with torch.no_grad():
        found: Array = model(x).numpy()
    return found
