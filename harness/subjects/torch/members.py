"""Runs of any module in training, each alone in ordinary torch.

Members share a process, not a computation: their bits cannot depend on each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from inspect import unwrap
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import save
from torch import Tensor, nn

from harness.errors import UserError
from harness.subjects.items import ITEMS, Items, pack_items
from harness.subjects.streams import seeded, stream
from harness.subjects.subject import SAMPLES, WEIGHTS, Outcome, SampleRequest, Series, State, Steps
from harness.subjects.torch.data import SPLITS, TensorData
from harness.subjects.torch.fields import TorchFields
from harness.subjects.torch.optimizers import make_optimizer
from harness.subjects.torch.taps import Taps, distinct, tap_name, update_data

if TYPE_CHECKING:
    from harness.subjects.torch.subject import Batch, TorchSubject

CHUNK = 512  # examples evaluated at once
HELD_OUT = ("dev", "test")
MOST_ITEMS = 100_000  # of a split that are kept one by one


def mean_loss(subject: TorchSubject, model: nn.Module, batch: Batch) -> Tensor:
    """What a step minimises: the mean of the losses, all that are there."""
    return subject.losses(model, batch).mean()


class Member:
    """One run: a module, its optimizer, and the state of its random numbers."""

    def __init__(
        self,
        subject: TorchSubject,
        fields: TorchFields,
        seed: int,
        data: TensorData,
        state: State | None = None,
    ) -> None:
        self.subject, self.fields, self.seed = subject, fields, seed
        self.splits, self.facts = data.splits(fields), data.facts(fields)
        with seeded(stream(seed, "weights")):
            self.model = initialised(subject, fields, self.facts, self.splits)
        self.model.train()
        self.noise = stream(seed, "noise").get_state()
        self.optimizer = make_optimizer(fields, self.model)
        # Without the wrappers for profilers and compilers, which take as long as small updates.
        self._take_step = unwrap(type(self.optimizer).step)
        self.taps = Taps(self.model)
        self.parameters = list(self.model.parameters())  # listed once: the walk takes time
        self.weights = [p for p in self.parameters if p.dim() > 1]
        self.items: dict[str, Items] = {}
        if state is not None:
            self._load(state)

    def batch(self, split: str, rows: Any) -> Batch:
        """Some examples of a split."""
        return tuple(part[rows] for part in self.splits[split])

    def gradient(self, step: int, rows: npt.NDArray[np.int64]) -> float:  # noqa: ARG002
        """Compute the minibatch's loss and gradients; returns the loss."""
        self.buffers = [b.clone() for b in buffers_of(self.model)]
        self.noise_before = self.noise
        batch = self.batch("train", torch.from_numpy(rows))
        torch.set_rng_state(self.noise)
        loss = mean_loss(self.subject, self.model, batch)
        for parameter in self.parameters:
            parameter.grad = None
        self.subject.guarded("the backward pass", loss.backward)
        self.noise = torch.get_rng_state()
        return loss.item()

    def finite(self) -> bool:
        """Whether all gradients are finite."""
        grads = [p.grad for p in self.parameters if p.grad is not None]
        return self.subject.guarded("the look at gradients", lambda: all_finite(grads))

    def undo(self) -> None:
        """Put back what a forward pass changes, since the step is not taken."""
        self.noise = self.noise_before
        self._restore(self.buffers)

    def _restore(self, buffers: list[Tensor]) -> None:
        with torch.no_grad():
            for buffer, before in zip(buffers_of(self.model), buffers, strict=True):
                buffer.copy_(before)

    def update(self, step: int) -> None:
        """Take the optimizer's step."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.fields.lr_at(step)
        if self.fields.grad_clip:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.fields.grad_clip)
        with torch.no_grad():
            self.subject.guarded("the optimizer's step", lambda: self._take_step(self.optimizer))

    def probe(self, rows: npt.NDArray[np.int64]) -> dict[str, list[float]]:
        """What goes on inside for a minibatch, in a pass of its own that leaves no trace."""
        buffers = [b.clone() for b in buffers_of(self.model)]
        batch = self.batch("train", torch.from_numpy(rows))
        torch.set_rng_state(self.noise)
        with self.taps.watching(self.subject.counted(batch)):
            loss = mean_loss(self.subject, self.model, batch)
            gradients = self.subject.guarded(
                "the backward pass", lambda: self.taps.gradient_stds(loss)
            )
        self._restore(buffers)
        mean, std, flat = zip(*self.taps.outputs, strict=True) if gradients else ((), (), ())
        return {"mean": list(mean), "std": list(std), "flat": list(flat),
                "gradient_std": gradients, "attention_entropy": self.taps.entropies}  # fmt: skip

    @torch.no_grad()
    def evaluate(self, split: str, *, items: bool = False) -> dict[str, float]:
        """The mean loss and metrics over a split in eval mode.

        Args:
            split: its name.
            items: whether to keep those of each example too, for `files`.
        """
        self.model.eval()
        torch.set_rng_state(stream(self.seed, "evaluation").get_state())
        totals: dict[str, float] = {}
        counts: dict[str, int] = {}
        kept: dict[str, list[Items | None]] = {}
        for start in range(0, len(self.splits[split][0]), CHUNK):
            batch = self.batch(split, slice(start, start + CHUNK))
            for name, values in self._losses_and_metrics(split, batch).items():
                each = torch.as_tensor(values).double()
                totals[name] = totals.get(name, 0.0) + each.sum().item()
                counts[name] = counts.get(name, 0) + each.numel()
                if items:
                    counted = self.subject.counted(batch)
                    kept.setdefault(name, []).append(by_example(each, len(batch[0]), counted))
        self.model.train()
        for name, parts in kept.items():
            whole = [part for part in parts if part is not None]
            if len(whole) == len(parts):
                together = zip(*whole, strict=True)
                self.items[f"{split}_{name}"] = Items(*map(np.concatenate, together))
        return {name: totals[name] / max(1, counts[name]) for name in totals}

    def _losses_and_metrics(self, split: str, batch: Batch) -> dict[str, Any]:
        """Each loss of a batch, and each value of every metric, by name.

        Raises:
            UserError: the metrics are others than at the default fields.
        """
        losses = self.subject.losses(self.model, batch)
        metrics = self.subject.metrics(self.model, batch)
        if set(metrics) != set(self.subject.metrics_of_splits):
            raise UserError(
                f"{self.subject.name}: metrics must be the same for every batch and variant",
                f"{', '.join(map(str, metrics)) or 'none'} on {split}",
                f"Give {', '.join(self.subject.metrics_of_splits) or 'none'}, as at the "
                "default fields.",
            )
        return {"loss": losses, **metrics}

    def keeps(self, split: str) -> bool:
        """Whether the losses and metrics of each example of a split are kept at the end."""
        return split in HELD_OUT and len(self.splits[split][0]) <= MOST_ITEMS

    def state(self) -> State:
        """Parameters, buffers, the optimizer's state, and that of the random numbers."""
        found = {f"model/{name}": t.detach().clone() for name, t in self.model.state_dict().items()}
        for place, entry in self.optimizer.state_dict()["state"].items():
            found |= {f"optimizer/{place}/{k}": torch.as_tensor(t).clone() for k, t in entry.items()
                      if t is not None}  # fmt: skip
        return {"noise": self.noise.numpy().copy()} | {n: t.numpy() for n, t in found.items()}

    def _load(self, state: State) -> None:
        tensors = {name: torch.from_numpy(np.array(array)) for name, array in state.items()}
        own = {n.removeprefix("model/"): t for n, t in tensors.items() if n.startswith("model/")}
        self.model.load_state_dict(own)
        kept: dict[int, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            if name.startswith("optimizer/"):
                _, place, key = name.split("/", 2)
                kept.setdefault(int(place), {})[key] = tensor
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": kept, "param_groups": groups})
        self.noise = tensors["noise"]

    def files(self, outcome: Outcome) -> dict[str, bytes]:
        """Weights, and what the model writes."""
        tensors = {name: t.detach().clone() for name, t in self.model.state_dict().items()}
        found = {WEIGHTS: save({name: t.contiguous() for name, t in tensors.items()})}
        if outcome == "finished":
            if not self.items:  # it resumed after its last evaluation
                for split in filter(self.keeps, HELD_OUT):
                    self.evaluate(split, items=True)
            if self.items:
                found[ITEMS] = pack_items(self.items)
            texts = written(self.subject, self.model, self.facts, SampleRequest(seed=self.seed))
            if texts is not None:
                found[SAMPLES] = "".join(f"{text}\n" for text in texts).encode()
        return found


class TorchMembers:
    """Members trained one after the other; see `harness.subjects.subject.Members`."""

    at_once = 1

    def __init__(
        self,
        subject: TorchSubject,
        fields: Sequence[TorchFields],
        seeds: Sequence[int],
        data: TensorData,
        states: Sequence[State] | None,
    ) -> None:
        torch.set_num_threads(1)
        kept: Sequence[State | None] = [None] * len(seeds) if states is None else states
        self.steps = fields[0].steps
        kind = _compiled() if fields[0].compile else Member
        self.members = [
            kind(subject, f, seed, data, state)
            for f, seed, state in zip(fields, seeds, kept, strict=True)
        ]

    def advance(self, step: int, rows: npt.NDArray[np.int64], probe: bool) -> Steps:
        """As `Members` says."""
        pairs = list(zip(self.members, rows[0], strict=True))
        inside = [member.probe(mine) for member, mine in pairs] if probe else []
        before = [[w.detach().clone() for w in m.weights] for m in self.members] if probe else []
        loss, taken = np.zeros((1, len(pairs))), np.zeros(len(pairs), np.int64)
        for k, (member, mine) in enumerate(pairs):
            loss[0, k] = member.gradient(step, mine)
            if isfinite(loss[0, k]) and member.finite():
                member.update(step)
                taken[k] = 1
            else:
                member.undo()
        return Steps(loss, taken, list(self._measured(inside, before)) if probe else [])

    def _measured(
        self, inside: list[dict[str, list[float]]], before: list[list[Tensor]]
    ) -> Iterator[Series]:
        first = self.members[0]  # the members' modules differ in their numbers only
        tapped = distinct([tap_name(first.model, name) for name in first.taps.names])
        for name in inside[0]:
            values = np.array([found[name] for found in inside])  # (K, L)
            if values.size:
                of_attention = name == "attention_entropy"
                names = distinct(first.taps.attention) if of_attention else tapped
                yield Series(name, values, names=names)
        updates = np.array([
            update_data(old, [w.detach() for w in member.weights])
            for old, member in zip(before, self.members, strict=True)
        ])  # (K, M)  # fmt: skip
        if updates.size:
            weights = [name for name, p in first.model.named_parameters() if p.dim() > 1]
            yield Series("update_data", updates, names=weights)
            yield Series("diag/update_data", np.median(updates, axis=1))

    def evaluate(self, step: int) -> Iterable[Series]:
        """As `Members` says."""
        final = step == self.steps
        found = {
            split: [
                member.evaluate(split, items=final and member.keeps(split))
                for member in self.members
            ]
            for split in (SPLITS if final else ("dev",))
        }
        for name in found["dev"][0]:
            yield Series(f"eval/dev_{name}", np.array([one[name] for one in found["dev"]]))
        if final:
            for split, values in found.items():
                for name in values[0]:
                    yield Series(f"final_{split}_{name}", np.array([one[name] for one in values]))

    def keep(self, members: Sequence[int]) -> None:
        """As `Members` says."""
        self.members = [self.members[k] for k in members]

    def state(self, member: int) -> State:
        """As `Members` says."""
        return self.members[member].state()

    def files(self, member: int, outcome: Outcome) -> Mapping[str, bytes]:
        """As `Members` says."""
        return self.members[member].files(outcome)


def by_example(values: Tensor, examples: int, counted: Tensor | None) -> Items | None:
    """The mean of some values over each example; None where they cannot be told apart.

    Args:
        values: one or more an example, of any shape: by examples in the first dimension, or flat,
            of the positions that count.
        examples: how many there are.
        counted: which positions of each example count (B, T), where that is known.
    """
    if values.dim() and len(values) == examples:
        rows = values.reshape(examples, -1)  # (B, n)
        return Items(rows.mean(1).numpy(), np.full(examples, rows.shape[1]))
    if counted is None or values.shape != (int(counted.sum()),):
        return None
    sizes = counted.sum(1).numpy()  # (B,)
    sums = np.bincount(np.repeat(np.arange(examples), sizes), values.numpy(), examples)
    return Items(sums / np.maximum(sizes, 1), sizes)


def all_finite(tensors: list[Tensor]) -> bool:
    """Whether all numbers are finite, by what torch's own scaler of gradients looks with.

    It goes over all tensors in one call and writes every number back as it is, times 1.
    """
    found, one = (torch.tensor(number, dtype=torch.float32) for number in (0.0, 1.0))
    real = [torch.view_as_real(t) if t.is_complex() else t for t in tensors]
    torch._amp_foreach_non_finite_check_and_unscale_(real, found, one)
    return found.item() == 0


def buffers_of(module: nn.Module) -> list[Tensor]:
    """What `module.buffers()` gives, in a quarter of its time; shared ones are repeated."""
    found = [buffer for buffer in module._buffers.values() if buffer is not None]
    for part in module._modules.values():
        if part is not None:
            found += buffers_of(part)
    return found


def _compiled() -> type[Member]:
    """Members whose steps are compiled; loading the compiler takes a second."""
    from harness.subjects.torch.compiled import CompiledMember

    return CompiledMember


def initialised(
    subject: TorchSubject, fields: TorchFields, facts: Mapping[str, str | float], splits: Any
) -> nn.Module:
    """A new module whose lazy layers have taken their shapes, in eval mode."""
    model = subject.build(fields, facts)
    model.eval()  # running statistics stay as they are
    if any(nn.parameter.is_lazy(t) for t in (*model.parameters(), *model.buffers())):
        with torch.no_grad():
            subject.losses(model, tuple(part[:2] for part in splits["train"]))
    return model


def written(
    subject: TorchSubject, model: nn.Module, facts: Mapping[str, str | float], ask: SampleRequest
) -> list[str] | None:
    """What a trained model writes in eval mode; None where the subject writes nothing."""
    model.eval()
    with torch.no_grad(), seeded(stream(ask.seed, "samples")):
        texts = subject.write(model, facts, ask)
    model.train()
    return texts
