"""Trials of a torch subject, for what can only be known by running it.

`check` looks for mistakes that would spoil a study without an error: data or weights that differ
from one process to the next, state that a checkpoint misses, random numbers that nobody seeds.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from harness.errors import UserError
from harness.subjects.metrics import is_metric_name
from harness.subjects.streams import seeded, stream
from harness.subjects.subject import SAMPLES, can_be_kept
from harness.subjects.torch.data import SPLITS, TensorData, digest, load_splits
from harness.subjects.torch.fields import TorchFields
from harness.subjects.torch.file import FileSubject
from harness.subjects.torch.members import Member, initialised
from harness.subjects.torch.subject import TorchSubject
from harness.subjects.user_file import LONGEST_NAME

STEPS = 4  # of a trial, and half of them before its checkpoint
EXAMPLES = 4  # of a trial's minibatch, at most


def parameters(subject: TorchSubject, fields: TorchFields, data: TensorData) -> int:
    """How many numbers a run of these fields trains."""
    with seeded(stream(0, "weights")):
        model = initialised(subject, fields, data.facts(fields), data.splits(fields))
    return sum(p.numel() for p in model.parameters())


def metric_names(subject: FileSubject) -> tuple[str, ...]:
    """Names of what the file's `metrics` gives at the default fields."""
    fields = subject.defaults
    _, splits = load_splits(subject.file, fields)
    with seeded(stream(0, "weights")):
        model = initialised(subject, fields, {}, splits)
    found = _measure(subject, model, _few(splits))
    return tuple(found)


def check(subject: TorchSubject, fields: TorchFields, data: TensorData) -> Iterator[str]:
    """Try a run of these fields; yields what holds, a line each.

    Raises:
        UserError: something does not hold.
    """
    torch.set_num_threads(1)  # as in training; others would wait for cores that workers use
    if isinstance(subject, FileSubject):
        yield from _check_data(subject, fields)
    splits = data.splits(fields)
    model = _check_build(subject, fields, data)
    size = sum(p.numel() for p in model.parameters())
    yield f"build: two models of a seed are equal, {size:,} parameters"
    batch = _few(splits)
    _check_losses(subject, model, batch)
    _check_metrics(subject, model, batch)
    yield "loss and metrics: one value or more an example, equal each time in eval mode"
    _check_gradients(subject, fields, data)
    yield "gradients: every parameter has one"
    _check_steps(subject, fields, data)
    yield f"training: {STEPS // 2} + {STEPS // 2} steps around a checkpoint equal {STEPS} steps"
    files = _check_evaluation(subject, fields, data)
    yield "evaluation: every split is measured, and so is the inside of the model"
    if SAMPLES in files:
        yield "sample: gives texts"


def refuse(subject: TorchSubject, rule: str, received: object, remedy: str) -> UserError:
    """The error that says what is wrong with a subject."""
    where = subject.file.path.name if isinstance(subject, FileSubject) else subject.name
    return UserError(f"{where}: {rule}", received, remedy)


def _few(splits: Mapping[str, tuple[Tensor, ...]]) -> tuple[Tensor, ...]:
    return tuple(part[:EXAMPLES] for part in splits["train"])


def _check_data(subject: FileSubject, fields: TorchFields) -> Iterator[str]:
    """The file's data, loaded under two states of the global generators."""
    with seeded(stream(1, "check")):
        _, splits = load_splits(subject.file, fields)
    with seeded(stream(2, "check")):
        _, again = load_splits(subject.file, fields)
    if digest(splits) != digest(again):
        raise refuse(
            subject,
            "data(fields) must return the same tensors each time",
            "different tensors in the second call",
            "Draw from a new generator: torch.Generator().manual_seed(0).",
        )
    for one, other in combinations(SPLITS, 2):
        if _overlap(splits[one][0], splits[other][0]):
            raise refuse(
                subject,
                "splits must not share examples",
                f"{one} and {other} share memory",
                "Use different rows for each split.",
            )
        ours, theirs = (", ".join(str(p.dtype) for p in splits[name]) for name in (one, other))
        if ours != theirs:
            raise refuse(
                subject,
                "splits must hold tensors of the same types",
                f"{ours} in {one}, {theirs} in {other}",
                "Convert one of them.",
            )
    sizes = ", ".join(f"{len(splits[name][0]):,} {name}" for name in SPLITS)
    yield f"data: equal when loaded twice, finite, {sizes} examples"


def _overlap(one: Tensor, other: Tensor) -> bool:
    """Whether some row of a tensor lies where one of the other does; constants may."""

    def rows(tensor: Tensor) -> set[int]:
        step = tensor.stride(0) * tensor.element_size()
        if not tensor.numel() or not step:  # no memory, or one row for all examples
            return set()
        return {tensor.data_ptr() + row * step for row in range(len(tensor))}

    return not rows(one).isdisjoint(rows(other))


def _check_build(subject: TorchSubject, fields: TorchFields, data: TensorData) -> nn.Module:
    """A model, built twice."""

    def build() -> nn.Module:
        with seeded(stream(0, "weights")):
            return initialised(subject, fields, data.facts(fields), data.splits(fields))

    one, two = build(), build()
    places = {t.data_ptr() for t in (*one.parameters(), *one.buffers()) if t.numel()}
    if one is two or any(t.data_ptr() in places for t in (*two.parameters(), *two.buffers())):
        raise refuse(
            subject,
            "build(fields) must create a new model each time",
            "a model that shares weights with the previous one",
            "Create all its modules inside build.",
        )
    model, again = one.state_dict(), two.state_dict()
    other = [name for name, value in model.items() if not isinstance(value, Tensor)]
    if other:
        raise refuse(
            subject,
            "the state of a model must be tensors",
            f"'{other[0]}' in its state_dict",
            "Register buffers instead of extra state.",
        )
    odd = [name for name, value in model.items() if not _can_be_kept(value)]
    if odd:
        raise refuse(
            subject,
            "parameters and buffers must have a type that checkpoints can hold",
            f"'{odd[0]}' in {model[odd[0]].dtype}",
            "Keep it in float32 or complex64; compute in other types where needed.",
        )
    spread = [n for n, p in one.named_parameters() if p.requires_grad and _expanded(p)]
    if spread:
        raise refuse(
            subject,
            "every number of a parameter must have its own memory",
            f"'{spread[0]}' is expanded",
            "Write .clone() after expand.",
        )
    differing = [
        name
        for name in {**model, **again}
        if name not in model or name not in again or not _same(model[name], again[name])
    ]
    if differing:
        raise refuse(
            subject,
            "build(fields) must return the same weights for the same seed",
            f"'{differing[0]}' differs in the second call",
            "Draw with torch, NumPy or random, which the harness seeds before it calls build.",
        )
    return one


def _can_be_kept(tensor: Tensor) -> bool:
    try:
        return can_be_kept(tensor.numpy())
    except (TypeError, RuntimeError):  # it has none of NumPy's types, or is not dense
        return False


def _expanded(tensor: Tensor) -> bool:
    """Whether some of its numbers share their memory."""
    steps = zip(tensor.shape, tensor.stride(), strict=True)
    return any(size > 1 and stride == 0 for size, stride in steps)


def _same(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and torch.equal(
        torch.nan_to_num(one) if one.is_floating_point() else one,
        torch.nan_to_num(other) if other.is_floating_point() else other,
    )


def _check_losses(subject: TorchSubject, model: nn.Module, batch: tuple[Tensor, ...]) -> None:
    """What the loss gives, twice in eval mode."""
    before = tuple(part.clone() for part in batch)
    found = [_unseeded(subject, "loss", lambda: subject.losses(model, batch)) for _ in range(2)]
    loss, rows = found[0], len(batch[0])
    rule = "loss(model, batch) must give unreduced losses, a floating-point tensor"
    if not isinstance(loss, Tensor) or not loss.is_floating_point():
        received = loss.dtype if isinstance(loss, Tensor) else type(loss).__name__
        raise refuse(subject, rule, received, "Return the losses themselves.")
    if loss.layout != torch.strided:
        raise refuse(subject, rule, loss.layout, "Return the losses' to_dense().")
    if loss.numel() < min(2, rows):
        raise refuse(
            subject, rule, f"one number for {rows} examples",
            'Leave out the mean (reduction="none"); the harness takes it.',
        )  # fmt: skip
    if not loss.requires_grad:
        raise refuse(
            subject,
            "the loss must depend on the parameters",
            "losses without a gradient",
            "Remove detach(), item() and no_grad() from loss and forward.",
        )
    if not _same(loss.detach(), found[1].detach()):
        raise _differing(subject, "losses", "different losses", _changed(before, batch))


def _changed(before: tuple[Tensor, ...], batch: tuple[Tensor, ...]) -> bool:
    return not all(map(_same, before, batch))


def _differing(subject: TorchSubject, what: str, second: str, changed: bool) -> UserError:
    """The error about what is not the same twice.

    Args:
        subject: whose fault it is.
        what, second: losses or metrics, and what the second call gives.
        changed: whether the batch is another after the calls.
    """
    return refuse(
        subject,
        f"{what} must be the same each time in eval mode",
        f"{second} in the second call" + (", of a batch that the first one changed" * changed),
        "Change a copy of the batch: x = x.clone()."
        if changed
        else "Leave random numbers to modules that eval() switches off, such as Dropout.",
    )


def _measure(
    subject: TorchSubject, model: nn.Module, batch: tuple[Tensor, ...]
) -> Mapping[str, Any]:
    """What the metrics give."""
    with torch.no_grad():
        found = _unseeded(subject, "metrics", lambda: subject.metrics(model, batch))
    rule = "metrics(model, batch) must give one value an example by name"
    if not isinstance(found, Mapping):
        example = 'Return {"accuracy": ...}.'
        raise refuse(subject, rule, type(found).__name__, example)
    for name, values in found.items():
        if not is_metric_name(name) or name == "loss":
            remedy = (
                f"Use letters, digits and _, {LONGEST_NAME} at most; the loss is measured anyway."
            )
            raise refuse(subject, rule, f"the name {name!r}"[:LONGEST_NAME], remedy)
        each = subject.guarded(f"{name} as a tensor", partial(torch.as_tensor, values))
        if each.is_complex():
            raise refuse(subject, rule, f"complex '{name}'", "Give its parts, or its size.")
        size = each.numel()
        if size < len(batch[0]):
            raise refuse(
                subject, rule, f"{size} of '{name}' for {len(batch[0])} examples",
                "Leave out the mean; the harness takes it.",
            )  # fmt: skip
    return found


def _check_metrics(subject: TorchSubject, model: nn.Module, batch: tuple[Tensor, ...]) -> None:
    """The metrics twice, which must leave the model as it is."""
    rows = tuple(part.clone() for part in batch)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    found, again = _measure(subject, model, batch), _measure(subject, model, batch)
    changed = [n for n, t in model.state_dict().items() if not _same(t, before[n])]
    if changed or any(module.training for module in model.modules()):
        raise refuse(
            subject,
            "loss and metrics must not change the model in eval mode",
            f"'{changed[0]}' changed" if changed else "train mode after them",
            "Do not change weights there, and do not call train() or eval().",
        )
    for name, values in found.items():
        if name not in again or not _same(torch.as_tensor(values), torch.as_tensor(again[name])):
            raise _differing(subject, "metrics", f"a different '{name}'", _changed(rows, batch))


def _unseeded(subject: TorchSubject, name: str, function: Any) -> Any:
    """What a function gives, which must draw neither from NumPy nor from `random`.

    Their states are not part of a run's, unlike that of torch.
    """
    before = str(np.random.get_state()), random.getstate()
    found = function()
    numpy, python = before[0] != str(np.random.get_state()), before[1] != random.getstate()
    if numpy or python:
        raise refuse(
            subject,
            f"{name} must draw its random numbers with torch",
            f"draws from {'numpy.random' if numpy else 'random'}",
            "Use torch.rand and the like: the harness keeps that generator's state for every run.",
        )
    return found


def _trial(subject: TorchSubject, fields: TorchFields, data: TensorData) -> Member:
    plain = fields.model_copy(update={"compile": False})  # compiling would take half a minute
    return Member(subject, plain, 0, data)


def _check_gradients(subject: TorchSubject, fields: TorchFields, data: TensorData) -> None:
    """Which parameters a step would train."""
    member = _trial(subject, fields, data)
    _unseeded(subject, "loss", lambda: member.gradient(0, _rows(fields, data)[0]))
    without = [
        name for name, p in member.model.named_parameters() if p.requires_grad and p.grad is None
    ]
    if without:
        raise refuse(
            subject,
            "every parameter must have a gradient",
            f"none for {', '.join(without[:3])}{' and others' if len(without) > 3 else ''}",
            "Use it in the loss, leave it out, or freeze it with requires_grad_(False).",
        )


def _check_evaluation(
    subject: TorchSubject, fields: TorchFields, data: TensorData
) -> Mapping[str, bytes]:
    """What is measured beside training, on a few examples; returns the files kept of a run."""
    member = _trial(subject, fields, data)
    member.splits = {n: tuple(part[:EXAMPLES] for part in p) for n, p in member.splits.items()}
    rows = np.arange(min(fields.batch, len(member.splits["train"][0])))
    member.probe(rows)
    member.gradient(0, rows)
    member.finite()
    for split in SPLITS:
        member.evaluate(split)
    return member.files("finished")


def _rows(fields: TorchFields, data: TensorData) -> Sequence[Any]:
    """The examples of each step's minibatch."""
    count = len(data.splits(fields)["train"][0])
    size = min(fields.batch, count)
    return [(np.arange(size) + step * size) % count for step in range(STEPS)]


def _check_steps(subject: TorchSubject, fields: TorchFields, data: TensorData) -> None:
    """A few steps, and the same with a checkpoint between them."""
    rows = _rows(fields, data)

    def train(member: Member, steps: range) -> Member:
        for step in steps:
            member.gradient(step, rows[step])
            member.update(step)
        return member

    whole = train(_trial(subject, fields, data), range(STEPS))
    first = train(_trial(subject, fields, data), range(STEPS // 2))
    resumed = Member(subject, whole.fields, 0, data, first.state())
    train(resumed, range(STEPS // 2, STEPS))
    ours, theirs = whole.state(), resumed.state()
    differing = [n for n in ours if not np.array_equal(ours[n], theirs[n], equal_nan=True)]
    if differing:
        raise refuse(
            subject,
            "everything that training changes must be in the model's state_dict",
            f"{differing[0]} differs after a checkpoint",
            "Register as a buffer what it keeps between steps.",
        )
