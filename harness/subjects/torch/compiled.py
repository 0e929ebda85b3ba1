"""A whole training step as one compiled function: losses, gradients, and the optimizer's update.

Compiling takes half a minute a shape and process; its numbers differ in the last digits from those
of the same step uncompiled. All members of a shape share one compilation.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value

from harness.errors import UserError
from harness.subjects.torch.fields import TorchFields
from harness.subjects.torch.members import Member

if TYPE_CHECKING:
    from harness.subjects.torch.subject import Batch, TorchSubject

Tensors = Mapping[str, Tensor]
EPS = 1e-8  # of Adam and AdamW, torch's default


class MeanLoss(nn.Module):
    """The mean of a subject's losses as a module, whose parameters are the model's.

    Args:
        subject: has the losses.
        model: of a run.
    """

    def __init__(self, subject: TorchSubject, model: nn.Module) -> None:
        super().__init__()
        self.subject, self.model = subject, model

    def forward(self, *batch: Tensor) -> Tensor:
        """What a step minimises."""
        return self.subject.losses(self.model, batch).mean()


def whole_step(
    module: nn.Module,
    parameters: Tensors,
    buffers: Tensors,
    moments: Mapping[str, Tensors],
    batch: Batch,
    fields: TorchFields,
    lr: Tensor,
    count: Tensor,
) -> tuple[Tensors, Tensors, Mapping[str, Tensors], Tensor, Tensor]:
    """One step from a run's state to its next state; nothing is changed in place.

    Args:
        module: a `MeanLoss`.
        parameters, buffers: of it, by name.
        moments: the optimizer's state, by its names of them.
        batch: the minibatch.
        fields: of the run; lr and count are tensors, so that a new value compiles nothing.
        lr: the learning rate at this step.
        count: steps taken, this one included.

    Returns:
        New parameters, buffers and moments, the loss, and whether all gradients are finite.
    """

    def loss_of(parameters: Tensors) -> tuple[Tensor, Tensors]:
        changed = {name: buffer.clone() for name, buffer in buffers.items()}
        return functional_call(module, ({**parameters}, changed), batch), changed

    gradients, (loss, changed) = grad_and_value(loss_of, has_aux=True)(parameters)
    finite = torch.stack([g.isfinite().all() for g in gradients.values()]).all()
    if fields.grad_clip:
        norm = torch.stack([g.norm() for g in gradients.values()]).norm()
        share = (fields.grad_clip / (norm + 1e-6)).clamp(max=1.0)
        gradients = {name: g * share for name, g in gradients.items()}
    after, kept = _updated(parameters, gradients, moments, fields, lr, count)
    return after, changed, kept, loss, finite


def _updated(
    parameters: Tensors,
    gradients: Tensors,
    moments: Mapping[str, Tensors],
    fields: TorchFields,
    lr: Tensor,
    count: Tensor,
) -> tuple[Tensors, Mapping[str, Tensors]]:
    """Parameters and moments after the update of SGD, Adam or AdamW, as torch.optim has them."""
    decay = fields.weight_decay
    if decay and fields.optimizer == "adamw":
        parameters = {name: p * (1 - lr * decay) for name, p in parameters.items()}
    elif decay:
        gradients = {name: g + decay * parameters[name] for name, g in gradients.items()}
    if fields.optimizer == "sgd":
        if fields.momentum:
            before = moments["momentum_buffer"]
            gradients = {n: fields.momentum * before[n] + g for n, g in gradients.items()}
            moments = {"momentum_buffer": gradients}
        return {name: p - lr * gradients[name] for name, p in parameters.items()}, moments
    first, second = (
        {n: beta * moments[key][n] + (1 - beta) * g**power for n, g in gradients.items()}
        for key, beta, power in (("exp_avg", fields.beta1, 1), ("exp_avg_sq", fields.beta2, 2))
    )
    rate, root = lr / (1 - fields.beta1**count), (1 - fields.beta2**count).sqrt()
    steps = {n: first[n] / (second[n].sqrt() / root + EPS) for n in gradients}
    after = {name: p - rate * steps[name] for name, p in parameters.items()}
    return after, {"exp_avg": first, "exp_avg_sq": second}


@cache
def compiled_step() -> Any:
    """`whole_step` compiled, for this process."""
    return torch.compile(whole_step, dynamic=False, fullgraph=True)


class CompiledMember(Member):
    """A run whose whole step is compiled. Its state is that of a plain one, by the same names."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._loss = MeanLoss(self.subject, self.model)
        self._parameters = {n: p for n, p in self._loss.named_parameters() if p.requires_grad}
        keys = ["exp_avg", "exp_avg_sq"]
        if self.fields.optimizer == "sgd":
            keys = ["momentum_buffer"] if self.fields.momentum else []
        for parameter in self._parameters.values():
            entry = self.optimizer.state[parameter]
            for key in keys:
                entry.setdefault(key, torch.zeros_like(parameter))
            if "exp_avg" in keys:
                entry.setdefault("step", torch.zeros(()))
        self._keys = keys

    def gradient(self, step: int, rows: npt.NDArray[np.int64]) -> float:
        """Compute the minibatch's loss and what the step would change; returns the loss.

        Raises:
            UserError: torch cannot compile the model or its loss as a whole.
        """
        self.noise_before = self.noise
        state = self.optimizer.state
        moments = {
            key: {name: state[p][key] for name, p in self._parameters.items()} for key in self._keys
        }
        torch.set_rng_state(self.noise)
        try:
            *self._next, loss, self._finite = compiled_step()(
                self._loss,
                {name: p.detach() for name, p in self._parameters.items()},
                dict(self._loss.named_buffers()),
                moments,
                self.batch("train", torch.from_numpy(rows)),
                self.fields,
                torch.tensor(self.fields.lr_at(step), dtype=torch.float64),
                torch.tensor(step + 1, dtype=torch.float64),
            )
        except UserError:
            raise
        except Exception as error:
            raise UserError(
                f"compile = true needs a model that torch.compile takes as a whole, as "
                f"{self.subject.name} does not",
                str(error).strip().splitlines()[0],
                "Leave compile out, or take branches that depend on values out of the model.",
            ) from None
        self.noise = torch.get_rng_state()
        return float(loss.item())

    def finite(self) -> bool:
        """Whether all gradients are finite."""
        return bool(self._finite)

    def undo(self) -> None:
        """Forget the step."""
        self.noise = self.noise_before

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take the step that `gradient` computed."""
        parameters, buffers, moments = self._next
        for name, buffer in self._loss.named_buffers():
            buffer.copy_(buffers[name])
        for name, parameter in self._parameters.items():
            parameter.copy_(parameters[name])
            entry = self.optimizer.state[parameter]
            for key in self._keys:
                entry[key].copy_(moments[key][name])
            if "step" in entry:
                entry["step"].fill_(step + 1)
