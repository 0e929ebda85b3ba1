"""The norms. They are torch's own but for `forward`, which is written out."""

from torch import Tensor, nn


class LayerNorm(nn.LayerNorm):
    """Each token's units, shifted to mean 0 and scaled to variance 1; then γ and β.

    Ba, Kiros & Hinton 2016, https://arxiv.org/abs/1607.06450
    """

    def forward(self, x: Tensor) -> Tensor:
        """The norm of x (B, T, C)."""
        mean = x.mean(-1, keepdim=True)  # (B, T, 1)
        variance = x.var(-1, correction=0, keepdim=True)  # (B, T, 1)
        return (x - mean) * (variance + EPSILON).rsqrt() * self.weight + self.bias


class RMSNorm(nn.RMSNorm):
    """Each token's units, scaled to a mean square of 1; then γ.

    Zhang & Sennrich 2019, https://arxiv.org/abs/1910.07467
    """

    def forward(self, x: Tensor) -> Tensor:
        """The norm of x (B, T, C)."""
        square = x.square().mean(-1, keepdim=True)  # (B, T, 1)
        return x * (square + EPSILON).rsqrt() * self.weight


EPSILON = 1e-5  # added to what is divided by


def norm(name: str, width: int) -> nn.Module:
    """The norm of this name: "layer", "rms" or "none"."""
    if name == "none":
        return nn.Identity()
    if name == "layer":
        return LayerNorm(width, eps=EPSILON)
    return RMSNorm(width, eps=EPSILON)
