"""Small trials of a user's file, for what can only be known by running it."""

from functools import cache

import torch
from safetensors.torch import load
from torch import nn

from harness.errors import UserError
from harness.subjects.streams import stream
from harness.subjects.subject import SampleRequest, Trained
from harness.subjects.torch.contract import UserFile, own_fields, own_frames
from harness.subjects.torch.data import TorchData, load_splits
from harness.subjects.torch.fields import TorchFields
from harness.subjects.torch.members import WEIGHTS, Member, losses, seeded


def build(file: UserFile, fields: TorchFields) -> nn.Module:
    """The file's module at these fields, in eval mode.

    Raises:
        UserError: `build` fails, or gives no module.
    """
    try:
        with seeded(stream(0, "weights")):
            model = file.module.build(own_fields(file, fields))
    except Exception as error:
        received = own_frames(error, file.path.resolve().parent)
        rule = f"{file.path.name}: build(fields) must run"
        raise UserError(rule, received, "Fix it there.") from None
    if not isinstance(model, nn.Module):
        raise UserError(
            f"{file.path.name}: build(fields) must give a torch.nn.Module",
            type(model).__name__,
            "Return the model.",
        )
    return model.eval()


def metric_names(file: UserFile, fields: TorchFields) -> tuple[str, ...]:
    """Names of what the file's `metrics` gives."""
    batch = tuple(part[:2] for part in load_splits(file.path, fields)["train"])
    model = build(file, fields)
    try:
        with torch.no_grad():
            return tuple(file.module.metrics(model, batch))
    except Exception as error:
        received = own_frames(error, file.path.resolve().parent)
        rule = f"{file.path.name}: metrics(model, batch) must run"
        raise UserError(rule, received, "Fix it there.") from None


@cache
def parameters(file: UserFile, fields: TorchFields, data: TorchData) -> int:
    """How many numbers a run of these fields trains."""
    return sum(p.numel() for p in Member(file, fields, 0, data, None).model.parameters())


def samples(file: UserFile, run: Trained, request: SampleRequest) -> list[str]:
    """So many texts as are asked for, each call of the file's `sample` giving some."""
    model = build(file, run.fields)
    batch = tuple(part[:2] for part in load_splits(file.path, run.fields)["train"])
    with torch.no_grad():
        losses(file, model, batch)  # lazy layers take their shape
    model.load_state_dict(load(run.files[WEIGHTS]))
    draws = stream(request.seed, "samples")
    texts: list[str] = []
    with torch.no_grad():
        while len(texts) < request.count:
            texts += [str(text) for text in file.module.sample(model, draws)]
    return texts[: request.count]
