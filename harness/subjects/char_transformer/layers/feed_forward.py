"""The feed-forward network of a block."""

from torch import Tensor, nn

from harness.subjects.char_transformer.layers.linear import linear

ACTIVATIONS: dict[str, type[nn.Module]] = {"gelu": nn.GELU, "relu": nn.ReLU, "tanh": nn.Tanh}


class FeedForward(nn.Module):
    """Two linear layers for each token alone, with four times the width between them.

    Vaswani et al. 2017, section 3.3, https://arxiv.org/abs/1706.03762

    Args:
        width: C, units of a token.
        activation: between the two.
        scale: multiplies the second layer's weights at initialisation.
    """

    def __init__(self, width: int, activation: str, scale: float = 1.0) -> None:
        super().__init__()
        self.hidden = linear(width, 4 * width)
        self.activation = ACTIVATIONS[activation]()
        self.projection = linear(4 * width, width, scale)

    def forward(self, x: Tensor) -> Tensor:
        """The network's outputs (B, T, C) for x (B, T, C)."""
        hidden = self.activation(self.hidden(x))  # (B, T, 4C)
        projected: Tensor = self.projection(hidden)  # (B, T, C)
        return projected
