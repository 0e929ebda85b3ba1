"""The lectures' network as an ordinary module trains as `char_mlp` does, from the same draws."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load

from harness.study.plan import Run, Stack
from harness.subjects import find_subject
from harness.subjects.char_mlp import SUBJECT
from harness.subjects.char_mlp.fields import Fields
from harness.subjects.char_mlp.network import MLP
from harness.subjects.char_mlp.stacked import StackedMLP
from harness.subjects.corpus import Corpus
from harness.subjects.torch.members import TorchMembers
from harness.training.minibatches import Minibatches
from harness.training.records import Result
from harness.training.trainer import train
from tests.support.commands import ROOT

STEPS = 200
SEED = 3


@pytest.fixture
def lecture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, embedded: Corpus) -> Any:
    monkeypatch.chdir(tmp_path)
    subject: Any = find_subject(str(ROOT / "examples" / "lecture_mlp.py"))
    monkeypatch.setattr(subject.file.module, "corpus", lambda: embedded)
    return subject


def state_of(members: TorchMembers, norm: str) -> dict[str, torch.Tensor]:
    """The module's parameters by the textbook's names."""
    model: Any = members.members[0].model
    modules = list(model)
    found, number = {"embedding.weight": modules[0].weight.detach()}, 0
    for module in modules:
        name = f"hidden.{number}" if number <= 5 else "output"
        if isinstance(module, torch.nn.Linear):
            number += 1
            name = f"hidden.{number}" if number <= 5 else "output"
            found[f"{name}.linear.weight"] = module.weight.detach().T
            if norm == "none":
                found[f"{name}.linear.bias"] = module.bias.detach()
        if isinstance(module, torch.nn.BatchNorm1d):
            found[f"{name}.norm.gamma"] = module.weight.detach()
            found[f"{name}.norm.beta"] = module.bias.detach()
    return found


@pytest.mark.parametrize("norm", ["batch", "none"])
def test_in_float64_weights_agree_over_two_hundred_steps(
    lecture: Any, embedded: Corpus, norm: str
) -> None:
    fields = lecture.Fields(norm=norm, double=True, steps=STEPS, batch=32)
    data = lecture.load(None, Path())
    members = TorchMembers(lecture, [fields], [SEED], data, None)
    theirs = Fields(norm=norm, steps=STEPS)
    network = MLP.initial(theirs, SEED, embedded.vocabulary).to(torch.float64)
    split = embedded.splits(3).train
    minibatches = Minibatches([SEED], [len(split.X)], 32)
    X, Y = split.X, split.Y
    largest = 0.0
    with torch.no_grad():
        stack = StackedMLP([network], [theirs])
        for step in range(STEPS):
            rows = minibatches.between(step, step + 1)
            with torch.enable_grad():
                taken = members.advance(step, rows, probe=step % 50 == 0)
            losses, _ = stack.advance(0, X, Y, rows[:, 0], np.array([fields.lr_at(step)]))
            largest = max(largest, abs(float(taken.loss[0, 0]) - losses[0]))
    assert largest < 1e-9
    ours, expected = state_of(members, norm), stack.member_state(0)
    assert ours.keys() == {n for n in expected if "running" not in n}
    for name, tensor in ours.items():
        assert (tensor - expected[name]).abs().max() < 1e-9, name


def test_in_float32_final_losses_agree_within_the_noise_of_seeds(
    lecture: Any, embedded: Corpus
) -> None:
    def losses(subject: Any, data: Any, fields: Any) -> Any:
        runs = [Run(f"{seed}", {}, fields, seed) for seed in range(1, 6)]
        found = [e for e in train(Stack(tuple(runs)), subject, data) if isinstance(e, Result)]
        return np.array([float(result.trace.last("final_dev_loss")) for result in found])

    ours = losses(lecture, lecture.load(None, Path()), lecture.Fields(steps=STEPS))
    theirs = losses(SUBJECT, embedded, Fields(steps=STEPS))
    # the same draws and minibatches: only rounding and the running variance differ
    assert np.abs(ours - theirs).max() < theirs.std(ddof=1)


def test_its_parameters_are_as_many_as_the_networks(lecture: Any, embedded: Corpus) -> None:
    from harness.subjects.torch.check import parameters

    fields = lecture.Fields(steps=10)
    count = parameters(lecture, fields, lecture.load(None, Path()))
    assert count == SUBJECT.cost(Fields(), embedded).parameters


def test_weights_are_kept_under_the_modules_names(lecture: Any) -> None:
    data = lecture.load(None, Path())
    members = TorchMembers(lecture, [lecture.Fields(steps=10)], [SEED], data, None)
    assert "0.weight" in load(members.files(0, "finished")["model/weights.safetensors"])
