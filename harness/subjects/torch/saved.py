"""The model of a run that has ended."""

from safetensors.torch import load
from torch import nn

from harness.subjects.streams import stream
from harness.subjects.subject import Trained
from harness.subjects.torch.members import WEIGHTS, seeded
from harness.subjects.torch.subject import TorchSubject


def saved_model(subject: TorchSubject, run: Trained) -> nn.Module:
    """A run's model with its trained weights, in eval mode.

    Lazy layers take the shapes of the weights, so that no data is needed.
    """
    with seeded(stream(run.seed, "weights")):
        model = subject.build(run.fields, run.facts)
    model.load_state_dict(load(run.files[WEIGHTS]))
    return model.eval()
