"""Members of a stack: their learning rates over the steps, and going on without some of them."""

import numpy as np
import pytest

from harness.subjects.char_mlp.fields import Fields
from harness.subjects.char_mlp.members import StackedMembers
from harness.subjects.char_mlp.stacked import StackedMLP
from harness.subjects.corpus import Corpus
from harness.subjects.subject import Array

SMALL = {"steps": 10, "depth": 1, "width": 5, "batch": 4}


def test_each_learning_rate_drops_at_its_share_of_the_steps(
    tiny: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = [
        Fields.model_validate(SMALL | {"lr": 0.5, "lr_drop": 0.1, "lr_drop_at": 0.75}),
        Fields.model_validate(SMALL | {"lr": 0.2, "lr_drop": 0.5, "lr_drop_at": 0.0}),
    ]
    rates: list[list[float]] = []
    gradient = StackedMLP.gradient

    def watched(stack: StackedMLP, x: Array, targets: Array, lr: Array, observe: None) -> None:
        rates.append(lr.tolist())
        gradient(stack, x, targets, lr, observe)

    monkeypatch.setattr(StackedMLP, "gradient", watched)
    members = StackedMembers(fields, [1, 1], tiny)
    for step in range(10):
        members.step(step, np.zeros((2, 4), np.int64), probe=False)
    assert [first for first, _ in rates] == pytest.approx([0.5] * 8 + [0.05] * 2)
    assert [second for _, second in rates] == pytest.approx([0.1] * 10)


def test_members_that_stay_go_on_to_the_bit(tiny: Corpus) -> None:
    fields = [Fields.model_validate(SMALL | {"lr": lr}) for lr in (0.1, 0.2, 0.3)]
    rows = np.random.default_rng(0).integers(0, 50, (10, 3, 4))
    whole, rest = (StackedMembers(fields, [1, 2, 3], tiny) for _ in range(2))
    for step in range(10):
        whole.step(step, rows[step], probe=False)
        kept = [0, 1, 2] if step < 5 else [2, 0]
        if step == 5:
            rest.keep(kept)
        rest.step(step, rows[step, kept], probe=False)
    for place, member in enumerate([2, 0]):
        expected = whole.state(member)
        for name, array in rest.state(place).items():
            assert np.array_equal(array, expected[name]), name
