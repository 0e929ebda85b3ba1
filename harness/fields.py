"""The fields of a run: everything that defines it but its seed and its data."""

import math
from collections.abc import Collection
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from harness.errors import Mistake, suggest
from harness.init import INITS
from harness.layers import ACTIVATIONS, NORMS


def stackable(default: Any, **constraints: Any) -> Any:
    """A field whose values may differ between the members of one stack."""
    return Field(default, json_schema_extra={"stackable": True}, **constraints)


def one_of(value: str, valid: Collection[str]) -> str:
    """The value itself, if it is a level that exists.

    Raises:
        Mistake: it is not; the remedy suggests the nearest.
    """
    if value not in valid:
        raise Mistake("must be a level that exists", value, suggest(value, valid, "levels"))
    return value


class Fields(BaseModel):
    """What defines a run besides seed and data; any of it can be a factor of a study."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=True)

    depth: int = Field(5, ge=1, le=200, description="hidden layers (Linear → norm → activation)")
    width: int = Field(100, ge=2, le=4096, description="units of each hidden layer")
    context: int = Field(3, ge=1, le=32, description="characters the network sees")
    embedding: int = Field(10, ge=1, le=512, description="size of a character's embedding")
    norm: str = Field("batch", description="normalisation of each hidden layer")
    output_norm: str = Field(
        "", description="normalisation after the last Linear; default: as norm"
    )
    activation: str = Field("tanh", description="activation of each hidden layer")
    residual: bool = Field(
        False, description="skip connection round each hidden block of equal width"
    )
    init: str = stackable(
        "kaiming", description="hidden and last weights: N(0,1)/√fan_in, or N(0,1)"
    )
    gain: float = stackable(1.0, gt=0, le=100, description="multiplies the hidden weights")
    output_scale: float = stackable(
        0.1,
        ge=0,
        le=100,
        description="multiplies the last γ where there is one, else the last weight",
    )
    steps: int = Field(10_000, ge=1, le=100_000_000, description="minibatches trained on")
    batch: int = Field(32, ge=1, le=65_536, description="examples in a minibatch")
    train_words: int | Literal["all"] = Field("all", description="words kept of the training split")
    lr: float = stackable(0.1, gt=0, le=1e6, description="learning rate of plain SGD")
    lr_drop: float = stackable(0.1, gt=0, le=1, description="factor on the learning rate, late on")
    lr_drop_at: float = stackable(
        0.75, ge=0, le=1, description="share of the steps before the drop"
    )

    @field_validator("norm")
    @classmethod
    def _norm_exists(cls, value: str) -> str:
        return one_of(value, NORMS)

    @field_validator("output_norm")
    @classmethod
    def _output_norm_exists(cls, value: str) -> str:
        return value if value == "" else one_of(value, NORMS)

    @field_validator("activation")
    @classmethod
    def _activation_exists(cls, value: str) -> str:
        return one_of(value, ACTIVATIONS)

    @field_validator("init")
    @classmethod
    def _init_exists(cls, value: str) -> str:
        return one_of(value, INITS)

    @field_validator("train_words")
    @classmethod
    def _some_words(cls, value: int | str) -> int | str:
        if isinstance(value, int) and value < 1:
            raise ValueError("must be at least 1, or 'all'")
        return value

    @model_validator(mode="before")
    @classmethod
    def _output_norm_follows_norm(cls, data: Any) -> Any:
        if isinstance(data, dict) and not data.get("output_norm"):
            return {**data, "output_norm": data.get("norm", "batch")}
        return data

    @model_validator(mode="after")
    def _deviations_need_two(self) -> Self:
        if self.batch < 2 and "batch" in (self.norm, self.output_norm):
            raise Mistake(
                "batch must be at least 2, for BatchNorm takes its variance", self.batch,
                "Raise it, or leave BatchNorm out.",
            )  # fmt: skip
        if self.context * self.embedding < 2:
            raise Mistake(
                "context × embedding must be at least 2, for weights have a standard deviation",
                self.context * self.embedding, "Raise one of them.",
            )  # fmt: skip
        return self

    @property
    def shape(self) -> tuple[object, ...]:
        """What two runs must share to be trained in one stack: all that is not stackable."""
        return tuple(getattr(self, name) for name in STACK_SHARED)

    @property
    def drop_step(self) -> int:
        """The first step, counted from 0, that takes the lowered learning rate."""
        return math.ceil(self.lr_drop_at * self.steps)

    def lr_at(self, step: int) -> float:
        """The learning rate at a step, counted from 0."""
        return self.lr if step < self.drop_step else self.lr * self.lr_drop


def _is_stackable(name: str) -> bool:
    extra = Fields.model_fields[name].json_schema_extra
    return isinstance(extra, dict) and bool(extra.get("stackable"))


STACK_SHARED = tuple(name for name in Fields.model_fields if not _is_stackable(name))
