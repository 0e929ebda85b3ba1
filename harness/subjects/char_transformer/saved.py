"""The transformer of a run that has ended, from the files in the store."""

from safetensors import SafetensorError
from safetensors.torch import load

from harness.errors import UserError
from harness.subjects.char_transformer.network import Transformer, build
from harness.subjects.subject import Trained

WEIGHTS = "model/weights.safetensors"  # path relative to a run's files


def saved_transformer(run: Trained) -> Transformer:
    """The transformer of a run that has ended, in eval mode.

    Raises:
        UserError: the weights' file is damaged.
    """
    model = build(run.fields, int(run.facts["vocabulary"]))
    try:
        model.load_state_dict(load(run.files[WEIGHTS]))
    except SafetensorError as error:
        raise UserError(
            "a run's weights must be a whole safetensors file",
            error,
            "The artifact is damaged; train the run again in a new store.",
        ) from None
    return model.eval()
