"""A small network fits a noisy surface."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn


@dataclass(frozen=True)
class Fields:
    width: int = 32
    activation: Literal["tanh", "relu", "gelu"] = "tanh"
    norm: bool = False


def data(fields):
    draw = torch.Generator().manual_seed(42)
    x = torch.rand(1200, 2, generator=draw) * 2 - 1
    y = (3 * x[:, :1]).sin() * x[:, 1:] + 0.05 * torch.randn(1200, 1, generator=draw)
    return {
        "train": (x[:800], y[:800]),
        "dev": (x[800:1000], y[800:1000]),
        "test": (x[1000:], y[1000:]),
    }


def build(fields):
    activation = {"tanh": nn.Tanh, "relu": nn.ReLU, "gelu": nn.GELU}[fields.activation]
    norm = nn.LayerNorm(fields.width) if fields.norm else nn.Identity()
    return nn.Sequential(nn.Linear(2, fields.width), norm, activation(), nn.Linear(fields.width, 1))


def loss(model, batch):
    x, y = batch
    return (model(x) - y) ** 2
