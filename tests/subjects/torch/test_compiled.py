"""A compiled step is the plain one to rounding, and as exact across interruptions."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from harness.errors import UserError
from harness.subjects import find_subject
from harness.subjects.torch.compiled import CompiledMember, whole_step
from harness.subjects.torch.members import Member
from tests.subjects.torch.test_user_file import MODEL

# torch's own compiler uses what torch has deprecated.
OLD = pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated")
OPTIMIZERS: list[dict[str, Any]] = [
    {"optimizer": "sgd", "lr": 0.1},
    {"optimizer": "sgd", "lr": 0.1, "momentum": 0.9, "weight_decay": 0.01, "grad_clip": 0.5},
    {"optimizer": "adam", "lr": 0.01, "weight_decay": 0.01},
    {"optimizer": "adamw", "lr": 0.01, "weight_decay": 0.1},
]


@pytest.fixture
def subject(tmp_path: Path) -> Any:
    (tmp_path / "net.py").write_text(MODEL)
    return find_subject(str(tmp_path / "net.py"))


def members(subject: Any, **options: Any) -> tuple[Member, Member]:
    """A plain member, and one whose whole step is computed as a function."""
    data = subject.load(None, Path())
    # without a norm: the gradient of a bias before one is rounding, which Adam blows up
    fields = subject.Fields(steps=100, dropout=0.0, norm=False, **options)
    return Member(subject, fields, 1, data), CompiledMember(subject, fields, 1, data)


@pytest.mark.parametrize("options", OPTIMIZERS, ids=lambda o: f"{o['optimizer']} {len(o)}")
def test_the_whole_step_is_that_of_torch_optim(
    subject: Any, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Uncompiled here: what the compiler makes of it is another test."""
    monkeypatch.setattr("harness.subjects.torch.compiled.compiled_step", lambda: whole_step)
    plain, whole = members(subject, **options)
    for member in (plain, whole):
        member.model.double()
        member.splits = {n: tuple(part.double() for part in p) for n, p in member.splits.items()}
        for entry in member.optimizer.state.values():
            entry.update({k: v.double() for k, v in entry.items() if k != "step"})
    draw = np.random.default_rng(1)
    for step in range(60):
        rows = draw.integers(200, size=16)
        losses = [member.gradient(step, rows) for member in (plain, whole)]
        assert losses[0] == pytest.approx(losses[1], abs=1e-12)
        assert plain.finite()
        assert whole.finite()
        plain.update(step)
        whole.update(step)
    ours, theirs = whole.state(), plain.state()
    assert ours.keys() == theirs.keys()
    for name, array in theirs.items():
        if name != "noise":
            np.testing.assert_allclose(ours[name], array, rtol=1e-9, atol=1e-11, err_msg=name)


@pytest.mark.service
@OLD
def test_compiled_members_resume_exactly_and_share_a_compilation(subject: Any) -> None:
    data = subject.load(None, Path())
    fields = subject.Fields(steps=100, optimizer="adamw", lr=0.01, compile=True)
    draw = np.random.default_rng(1)
    rows = [draw.integers(200, size=16) for _ in range(8)]

    def train(member: Member, steps: range) -> Member:
        for step in steps:
            member.gradient(step, rows[step])
            member.update(step)
        return member

    whole = train(CompiledMember(subject, fields, 1, data), range(8))
    first = train(CompiledMember(subject, fields, 1, data), range(4))
    resumed = train(CompiledMember(subject, fields, 1, data, first.state()), range(4, 8))
    for name, array in whole.state().items():
        assert np.array_equal(array, resumed.state()[name]), name
    other = subject.Fields(steps=100, optimizer="adamw", lr=0.02, compile=True)
    with torch._dynamo.config.patch(error_on_recompile=True):
        train(CompiledMember(subject, other, 2, data), range(8))
    without = subject.Fields(steps=100, lr=0.1, dropout=0.0, compile=True)
    plain = train(Member(subject, without, 1, data), range(8))
    for name, array in train(CompiledMember(subject, without, 1, data), range(8)).state().items():
        if name.startswith("model/"):
            np.testing.assert_allclose(array, plain.state()[name], rtol=1e-4, atol=1e-5)


@pytest.mark.service
@OLD
def test_a_branch_that_depends_on_values_is_refused(tmp_path: Path) -> None:
    text = MODEL.replace("return (model(x) - y) ** 2", "each = (model(x) - y) ** 2\n"
                         "    return 2 * each if each.detach().mean() > 0.5 else each")  # fmt: skip
    (tmp_path / "net.py").write_text(text)
    subject: Any = find_subject(str(tmp_path / "net.py"))
    data = subject.load(None, tmp_path)
    member = CompiledMember(subject, subject.Fields(steps=10, compile=True), 1, data)
    with pytest.raises(UserError, match=r"compile = true needs a model that torch.compile takes"):
        member.gradient(0, np.arange(16))
