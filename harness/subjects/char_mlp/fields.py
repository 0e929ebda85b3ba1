"""The fields of a run: everything that defines it except seed and data."""

import math
from collections.abc import Collection
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, field_validator, model_validator

from harness.errors import InvalidValue, suggest
from harness.subjects.char_mlp.init import INITS
from harness.subjects.char_mlp.layers import levels
from harness.subjects.characters import TrainWords
from harness.subjects.subject import RunFields, stackable


def one_of(value: str, valid: Collection[str]) -> str:
    """The value itself, if it is a level that exists.

    Raises:
        InvalidValue: it is not; the remedy suggests the nearest.
    """
    if value not in valid:
        raise InvalidValue("must be a level that exists", value, suggest(value, valid, "levels"))
    return value


class Fields(RunFields):
    """What defines a run besides seed and data; any of it can be a factor of a study."""

    depth: int = Field(5, ge=1, le=200, description="hidden layers (Linear → norm → activation)")
    width: int = Field(100, ge=2, le=4096, description="units of each hidden layer")
    context: int = Field(3, ge=1, le=32, description="number of characters that the network sees")
    embedding: int = Field(10, ge=1, le=512, description="size of a character's embedding")
    norm: str = Field("batch", description="normalisation of each hidden layer")
    output_norm: str = Field(
        "", description="normalisation after the last Linear; default: as norm"
    )
    activation: str = Field("tanh", description="activation of each hidden layer")
    residual: bool = Field(
        False, description="skip connection around each hidden block of equal width"
    )
    init: str = stackable(
        "kaiming", description="hidden and last weights: N(0,1)/√fan_in, or N(0,1)"
    )
    gain: float = stackable(1.0, gt=0, le=100, description="multiplies the hidden weights")
    output_scale: float = stackable(
        0.1,
        ge=0,
        le=100,
        description="multiplies the γ of the output norm, or the last weight if there is none",
    )
    train_words: TrainWords = Field("all", description="number of words kept in the training split")
    split: Literal["fixed", "by_seed"] = stackable(
        "fixed", description="split into train, dev and test: the lecture's, or drawn for each seed"
    )
    lr: float = stackable(0.1, gt=0, le=1e6, description="learning rate of plain SGD")
    lr_drop: float = stackable(
        0.1, gt=0, le=1, description="multiplies the learning rate after lr_drop_at"
    )
    lr_drop_at: float = stackable(
        0.75, ge=0, le=1, description="share of the steps after which lr_drop applies"
    )

    momentum: float = stackable(0.0, ge=0, lt=1, description="of SGD, as in torch.optim.SGD")
    weight_decay: float = stackable(
        0.0, ge=0, le=10, description="of all parameters, as in torch.optim.SGD"
    )

    @field_validator("norm")
    @classmethod
    def _norm_exists(cls, value: str) -> str:
        return one_of(value, ("none", *levels("norms")))

    @field_validator("output_norm")
    @classmethod
    def _output_norm_exists(cls, value: str) -> str:
        return value if value == "" else cls._norm_exists(value)

    @field_validator("activation")
    @classmethod
    def _activation_exists(cls, value: str) -> str:
        return one_of(value, levels("activations"))

    @field_validator("init")
    @classmethod
    def _init_exists(cls, value: str) -> str:
        return one_of(value, INITS)

    @model_validator(mode="before")
    @classmethod
    def _output_norm_follows_norm(cls, data: Any) -> Any:
        if isinstance(data, dict) and not data.get("output_norm"):
            return {**data, "output_norm": data.get("norm", "batch")}
        return data

    @model_validator(mode="after")
    def _standard_deviations_need_two_values(self) -> Self:
        if self.batch < 2 and "batch" in (self.norm, self.output_norm):
            raise InvalidValue(
                "batch must be at least 2 with BatchNorm, which needs a variance",
                self.batch,
                "Raise it, or use another norm.",
            )
        if self.context * self.embedding < 2:
            raise InvalidValue(
                "context × embedding must be at least 2: diagnostics need the weights' standard "
                "deviation",
                self.context * self.embedding,
                "Raise one of them.",
            )
        return self

    def rates(self, first: int, count: int) -> npt.NDArray[np.float64]:
        """The learning rates of so many steps from the first on (count,)."""
        early = np.arange(first, first + count) < self.drop_step
        return np.where(early, self.lr, self.lr * self.lr_drop)

    @property
    def drop_step(self) -> int:
        """The first step, counted from 0, with the lowered learning rate."""
        return math.ceil(self.lr_drop_at * self.steps)


def canonical(fields: Fields) -> Fields:
    """See `harness.subjects.subject.Subject.canonical`."""
    same: dict[str, object] = {}
    if fields.lr_drop == 1 or fields.drop_step >= fields.steps:
        same |= {"lr_drop": 1.0, "lr_drop_at": 1.0}  # the learning rate never drops
    if fields.depth == 1 and fields.context * fields.embedding != fields.width:
        same["residual"] = False  # no block whose width is that of its input
    return fields.model_copy(update=same)
