"""The lectures' character-level MLP as an ordinary module: what `char_mlp` computes in stacks."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

import torch
from torch import nn

from harness.subjects.char_mlp.draws import normal
from harness.subjects.corpus import load_corpus

CONTEXT, EMBEDDING, WIDTH = 3, 10, 100


@dataclass(frozen=True)
class Fields:
    depth: int = 5
    norm: Literal["batch", "none"] = "batch"
    init: Literal["kaiming", "naive"] = "kaiming"
    output_scale: float = 0.1
    double: bool = False


def corpus():
    return load_corpus(None, Path())  # names.txt, or what this folder uses instead


def data(fields):
    splits = corpus().splits(CONTEXT)._asdict()
    return {name: split.tensors() for name, split in splits.items()}


def build(fields):
    vocabulary = corpus().vocabulary
    sizes = [CONTEXT * EMBEDDING, *[WIDTH] * fields.depth, vocabulary]
    pairs = list(pairwise(sizes))
    table = normal((vocabulary, EMBEDDING))
    weights = [normal((fan_in, fan_out)) for fan_in, fan_out in pairs]
    if fields.init == "kaiming":
        weights = [w / fan_in**0.5 for w, (fan_in, _) in zip(weights, pairs)]
    if fields.norm == "none":
        weights[-1] *= fields.output_scale
    layers = [nn.Embedding.from_pretrained(table, freeze=False), nn.Flatten()]
    for number, weight in enumerate(weights):
        linear = nn.Linear(*weight.shape, bias=fields.norm == "none")
        with torch.no_grad():
            linear.weight.copy_(weight.T)
            if linear.bias is not None:
                linear.bias.zero_()
        layers.append(linear)
        if fields.norm == "batch":
            layers.append(nn.BatchNorm1d(weight.shape[1]))
        if number < fields.depth:
            layers.append(nn.Tanh())
    if fields.norm == "batch":
        nn.init.constant_(layers[-1].weight, fields.output_scale)
    model = nn.Sequential(*layers)
    return model.double() if fields.double else model


METRICS = {"loss": {"unit": "nats"}}
