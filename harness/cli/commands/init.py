"""`ablate init`: a study file to start from, and a model file."""

import errno

import click

STUDY = """\
# Keys and fields: docs/reference.md. Next: ablate check {name}; ablate run {name} --report

question = "Does BatchNorm help, and at what depth?"  # what the study asks, in a sentence
seeds = 5  # every variant is trained with the seeds 1 to 5
# data = "names.txt"  # or a text with one item per line; its path is relative to this file

[fixed]  # fields that differ from their default
steps = 1_000
width = 50

[factors]  # what varies: every combination of these levels is a variant
norm = ["none", "batch"]
depth = [2, 5]

[baseline]  # the variant that others are compared with: a level of every factor
norm = "batch"
depth = 5

[bare]  # the off level of each factor: the report attributes the change from here to the baseline
norm = "none"

[[claims]]  # what you expect, written before the first run; the report says whether it holds
id = "norm-helps"
says = "BatchNorm lowers the loss at both depths"
kind = "difference"
factor = "norm"
level = "batch"
versus = "none"
over = "every"
"""

MODEL_STUDY = """\
# Keys and fields: docs/models.md. Next: ablate check {name}; ablate run {name} --report

question = "Does a norm help, and with which activation?"  # what the study asks, in a sentence
subject = "{name}.py"  # the model file beside this one
seeds = 5  # every variant is trained with the seeds 1 to 5

[fixed]  # fields that differ from their default: those of the model file, or steps, batch, lr, …
steps = 500
optimizer = "adamw"
lr = 0.01

[factors]  # what varies: every combination of these levels is a variant
norm = [false, true]
activation = ["tanh", "relu"]

[baseline]  # the variant that others are compared with: a level of every factor
norm = false
activation = "tanh"

[[claims]]  # what you expect, written before the first run; the report says whether it holds
id = "norm-helps"
says = "A norm lowers the loss with both activations"
kind = "difference"
factor = "norm"
level = true
versus = false
over = "every"
"""

MODEL = """\
\"\"\"What {name}.toml trains: replace its data and its network with your own.\"\"\"

from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn


@dataclass(frozen=True)
class Fields:
    \"\"\"What may vary between runs; any field can be a factor of the study.\"\"\"

    width: int = 32
    activation: Literal["tanh", "relu"] = "tanh"
    norm: bool = False


def data(fields):
    \"\"\"Three splits, each a tuple of tensors with the examples along the first dimension.\"\"\"
    draw = torch.Generator().manual_seed(42)
    x = torch.rand(1200, 2, generator=draw) * 2 - 1
    y = (3 * x[:, :1]).sin() * x[:, 1:] + 0.05 * torch.randn(1200, 1, generator=draw)
    return {{
        "train": (x[:800], y[:800]),
        "dev": (x[800:1000], y[800:1000]),
        "test": (x[1000:], y[1000:]),
    }}


def build(fields):
    \"\"\"The untrained network; the run's seed determines its weights.\"\"\"
    activation = {{"tanh": nn.Tanh, "relu": nn.ReLU}}[fields.activation]
    norm = nn.LayerNorm(fields.width) if fields.norm else nn.Identity()
    return nn.Sequential(nn.Linear(2, fields.width), norm, activation(), nn.Linear(fields.width, 1))


def loss(model, batch):
    \"\"\"The loss of every example in a batch.\"\"\"
    x, y = batch
    return (model(x) - y) ** 2
"""


@click.command()
@click.argument("name")
@click.option(
    "--model", is_flag=True, help="Also write a model file, NAME.py, for the study to train."
)
def command(name: str, model: bool) -> None:
    """Write a commented study file to start from.

    The file is ablations/NAME.toml, in the nearest `ablations` folder of the project or a new one
    here. No file is overwritten.
    """
    from harness.errors import UserError
    from harness.files import project_ablations, write_atomically
    from harness.study.files import study_files
    from harness.study.study import LONGEST_NAME

    folder = project_ablations()
    texts = {f"{name}.toml": MODEL_STUDY if model else STUDY}
    if model:
        texts[f"{name}.py"] = MODEL
    if not name.isidentifier() or len(name) > LONGEST_NAME:
        raise UserError(
            "NAME must consist of letters, digits and underscores, "
            f"{LONGEST_NAME} at most, and not begin with a digit",
            repr(name)[:LONGEST_NAME],
            "Write ablate init my_study.",
        )
    there = [folder / file for file in texts if (folder / file).exists()]
    there += [study_files()[name]] if name in study_files() else []
    if there:
        raise UserError(
            "NAME must be new, because no file is overwritten", there[0], "Choose another name."
        )
    try:
        for file, text in reversed(texts.items()):
            write_atomically(folder / file, text.format(name=name).encode())
            click.echo(folder / file)
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise
        raise UserError(
            "the folder of studies must be writable",
            f"{folder} ({error.strerror})",
            "Change its permissions, or change to another directory.",
        ) from None
    click.echo(f"next: ablate check {name}; ablate run {name} --report")
