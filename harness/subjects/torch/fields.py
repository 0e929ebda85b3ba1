"""The fields that the harness gives every torch subject: how it is trained."""

from math import ceil
from typing import Literal, Self

from pydantic import Field, model_validator

from harness.errors import InvalidValue
from harness.subjects.subject import RunFields


class TorchFields(RunFields):
    """Training of any module; a subject adds its own fields."""

    steps: int = Field(1000, ge=1, le=100_000_000, description="minibatches trained on")
    optimizer: Literal["sgd", "adam", "adamw"] = Field("sgd", description="as in torch.optim")
    lr: float = Field(0.1, gt=0, le=1e6, description="learning rate")
    warmup: int = Field(0, ge=0, description="steps over which the learning rate rises from 0")
    lr_drop: float = Field(
        0.1, gt=0, le=1, description="multiplies the learning rate after lr_drop_at"
    )
    lr_drop_at: float = Field(
        0.75, ge=0, le=1, description="share of the steps after which lr_drop applies"
    )
    momentum: float = Field(0.0, ge=0, lt=1, description="of SGD")
    weight_decay: float = Field(0.0, ge=0, description="as in torch.optim")
    beta1: float = Field(0.9, ge=0, lt=1, description="of Adam and AdamW")
    beta2: float = Field(0.999, ge=0, lt=1, description="of Adam and AdamW")
    grad_clip: float = Field(0.0, ge=0, description="maximum norm of all gradients; 0: no limit")
    compile: bool = Field(False, description="whether to use torch.compile; changes bits")

    @model_validator(mode="after")
    def _momentum_is_of_sgd(self) -> Self:
        if self.momentum and self.optimizer != "sgd":
            raise InvalidValue(
                "momentum needs the optimizer sgd",
                f"momentum {self.momentum} with {self.optimizer}",
                "Set beta1, or leave momentum out.",
            )
        return self

    def lr_at(self, step: int) -> float:
        """The learning rate at a step, counted from 0."""
        rise = min(1.0, (step + 1) / self.warmup) if self.warmup else 1.0
        return self.lr * rise * (self.lr_drop if step >= drop_step(self) else 1.0)


def drop_step(fields: TorchFields) -> int:
    """The first step, counted from 0, with the lowered learning rate."""
    return ceil(fields.lr_drop_at * fields.steps)


def canonical(fields: TorchFields) -> TorchFields:
    """See `harness.subjects.subject.Subject.canonical`; a subject's own fields stay."""
    same: dict[str, object] = {}
    if fields.lr_drop == 1 or drop_step(fields) >= fields.steps:
        same |= {"lr_drop": 1.0, "lr_drop_at": 1.0}  # the learning rate never drops
    if fields.warmup == 1:
        same["warmup"] = 0  # the first step has the whole learning rate
    if fields.optimizer == "sgd":
        same |= {"beta1": 0.0, "beta2": 0.0}
    elif fields.weight_decay == 0:
        same["optimizer"] = "adam"  # AdamW is Adam with another weight decay
    return fields.model_copy(update=same)
