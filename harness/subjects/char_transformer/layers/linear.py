"""The linear layer, with the initialisation of the lectures."""

from torch import nn


def linear(fan_in: int, fan_out: int, scale: float = 1.0) -> nn.Linear:
    """A linear layer with weights from N(0, scale² / fan_in) and biases of 0 (He et al. 2015)."""
    layer = nn.Linear(fan_in, fan_out)
    nn.init.normal_(layer.weight, std=scale / fan_in**0.5)
    nn.init.zeros_(layer.bias)
    return layer
