"""A small convolutional network on 8×8 images of digits, drawn here from a font."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

FONT = (
    "01110 10001 10011 10101 11001 10001 01110", "00100 01100 00100 00100 00100 00100 01110",
    "01110 10001 00001 00110 01000 10000 11111", "11110 00001 00001 01110 00001 00001 11110",
    "00010 00110 01010 10010 11111 00010 00010", "11111 10000 11110 00001 00001 10001 01110",
    "00110 01000 10000 11110 10001 10001 01110", "11111 00001 00010 00100 01000 01000 01000",
    "01110 10001 10001 01110 10001 10001 01110", "01110 10001 10001 01111 00001 00010 01100",
)  # fmt: skip


@dataclass(frozen=True)
class Fields:
    channels: int = 8
    norm: Literal["batch", "none"] = "batch"
    dropout: float = 0.1


def data(fields):
    draw = torch.Generator().manual_seed(42)
    glyphs = torch.tensor([[[int(c) for c in row] for row in glyph.split()] for glyph in FONT])
    y = torch.randint(10, (3000,), generator=draw)
    x = torch.zeros(3000, 1, 8, 8)
    for image, digit, right, down in zip(
        x, y, torch.randint(4, (3000,), generator=draw), torch.randint(2, (3000,), generator=draw)
    ):
        image[0, down : down + 7, right : right + 5] = glyphs[digit]
    x += 0.4 * torch.randn(x.shape, generator=draw)
    return {
        "train": (x[:2000], y[:2000]),
        "dev": (x[2000:2500], y[2000:2500]),
        "test": (x[2500:], y[2500:]),
    }


def build(fields):
    def block(before, after):
        norm = nn.BatchNorm2d(after) if fields.norm == "batch" else nn.Identity()
        return nn.Conv2d(before, after, 3, padding=1), norm, nn.ReLU()

    width = fields.channels
    return nn.Sequential(
        *block(1, width),
        nn.MaxPool2d(2),
        *block(width, 2 * width),
        nn.Flatten(),
        nn.Dropout(fields.dropout),
        nn.LazyLinear(10),
    )


def metrics(model, batch):
    x, y = batch
    return {"accuracy": model(x).argmax(1) == y}


METRICS = {"accuracy": {"unit": "share"}, "loss": {"unit": "nats"}}
