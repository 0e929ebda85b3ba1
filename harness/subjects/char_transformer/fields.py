"""The fields of a run: the transformer, and how it is trained."""

from math import sqrt
from typing import Literal, Self

from pydantic import Field, model_validator

from harness.errors import InvalidValue
from harness.subjects.characters import TrainWords
from harness.subjects.torch.fields import TorchFields


class Fields(TorchFields):
    """What defines a run besides seed and data; any of it can be a factor of a study."""

    steps: int = Field(2000, ge=1, le=100_000_000, description="minibatches trained on")
    batch: int = Field(32, ge=1, le=65_536, description="words in a minibatch")
    depth: int = Field(4, ge=1, le=100, description="blocks (attention, then feed-forward)")
    width: int = Field(64, ge=2, le=4096, description="size of a character's representation")
    heads: int = Field(4, ge=1, le=256, description="attention heads per block")
    context: int = Field(
        16, ge=2, le=1024, description="maximum number of characters that the network sees"
    )
    attention: Literal["softmax", "uniform", "none"] = Field(
        "softmax", description="over the characters so far: learned, uniform, or none"
    )
    positions: Literal["learned", "none"] = Field(
        "learned", description="position embedding added to a character's embedding"
    )
    norm: Literal["layer", "rms", "none"] = Field("layer", description="normalisation of a branch")
    norm_place: Literal["pre", "post"] = Field(
        "pre", description="before the branch, or after the residual connection"
    )
    residual: bool = Field(True, description="skip connection around every branch")
    residual_init: Literal["scaled", "plain"] = Field(
        "scaled", description="multiplies the last weights of n residual branches: by 1/√n, or by 1"
    )
    activation: Literal["gelu", "relu", "tanh"] = Field(
        "gelu", description="of the feed-forward layers"
    )
    output_scale: float = Field(0.1, ge=0, le=100, description="multiplies the last weight")
    dropout: float = Field(
        0.0, ge=0, lt=1, description="dropout rate of the embeddings and of each branch's outputs"
    )
    train_words: TrainWords = Field("all", description="number of words kept in the training split")
    optimizer: Literal["sgd", "adam", "adamw"] = Field("adamw", description="as in torch.optim")
    lr: float = Field(0.002, gt=0, le=1e6, description="learning rate")
    weight_decay: float = Field(0.01, ge=0, description="as in torch.optim")
    beta2: float = Field(0.99, ge=0, lt=1, description="of Adam and AdamW")

    @model_validator(mode="after")
    def _heads_share_the_width(self) -> Self:
        if self.width % self.heads:
            raise InvalidValue(
                "width must be a multiple of heads, which share it",
                f"width {self.width} with {self.heads} heads",
                "Change one of them.",
            )
        return self

    @model_validator(mode="after")
    def _sizes_vary_from_step_to_step(self) -> Self:
        if self.compile:
            raise InvalidValue(
                "compile needs minibatches of one size, but char_transformer drops padding",
                "compile true",
                "Leave it out.",
            )
        return self

    @property
    def branches(self) -> int:
        """How many branches the network has: a block has one or two."""
        return self.depth * (1 if self.attention == "none" else 2)

    @property
    def residual_scale(self) -> float:
        """What multiplies the last weight of every branch at initialisation.

        1/√n with n branches, so that their sum does not grow with the depth (Radford et al. 2019,
        section 2.3). Without residual connections there is no such sum, and the scale is 1.
        """
        scaled = self.residual and self.residual_init == "scaled"
        return 1 / sqrt(self.branches) if scaled else 1.0


def canonical(fields: Fields) -> Fields:
    """See `harness.subjects.subject.Subject.canonical`; the fields of training stay."""
    same: dict[str, object] = {}
    if fields.attention != "softmax":
        same["heads"] = 1  # an average has none
    if fields.norm == "none":
        same["norm_place"] = "pre"
    if fields.residual_scale == 1:
        same["residual_init"] = "plain"
    return fields.model_copy(update=same)
