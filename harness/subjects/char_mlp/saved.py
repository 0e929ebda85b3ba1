"""The network of a run that has ended, from the files in the store."""

from safetensors import SafetensorError
from safetensors.torch import load

from harness.errors import UserError
from harness.subjects.char_mlp.network import MLP
from harness.subjects.subject import WEIGHTS, Trained


def saved_network(run: Trained) -> MLP:
    """The textbook network of a run that has ended, in training mode.

    Raises:
        UserError: the weights' file is gone or damaged.
    """
    try:
        state = load(run.files[WEIGHTS])
        return MLP.restored(run.fields, int(run.facts["vocabulary"]), state)
    except (SafetensorError, KeyError, RuntimeError) as error:  # torch's of shapes is the last
        raise UserError(
            "a run's weights must be an undamaged safetensors file",
            error,
            "The artifact is damaged; train the run again in a new store.",
        ) from None
