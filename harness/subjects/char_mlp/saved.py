"""What the store has of the network of a run that has ended. Only the network loads torch."""

from typing import TYPE_CHECKING

from safetensors import SafetensorError
from safetensors.numpy import load

from harness.errors import UserError
from harness.subjects.subject import WEIGHTS, State, Trained

if TYPE_CHECKING:
    from harness.subjects.char_mlp.network import MLP


def saved_weights(run: Trained) -> State:
    """The tensors that define the network of a run that has ended, by name.

    Raises:
        UserError: their file is gone or damaged.
    """
    try:
        return load(run.files[WEIGHTS])
    except (SafetensorError, KeyError) as error:
        raise _damaged(error) from None


def saved_network(run: Trained) -> "MLP":
    """The textbook network of a run that has ended, in training mode.

    Raises:
        UserError: the weights' file is gone or damaged, or lacks some.
    """
    import torch

    from harness.subjects.char_mlp.network import MLP

    state = {name: torch.from_numpy(array) for name, array in saved_weights(run).items()}
    try:
        return MLP.restored(run.fields, int(run.facts["vocabulary"]), state)
    except (KeyError, RuntimeError) as error:  # torch's of shapes is the last
        raise _damaged(error) from None


def _damaged(error: Exception) -> UserError:
    return UserError(
        "a run's weights must be an undamaged safetensors file",
        error,
        "The artifact is damaged; train the run again in a new store.",
    )
