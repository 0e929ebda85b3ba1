"""Members of a stack: their learning rates over the steps, and going on without some of them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.subjects.char_mlp import SUBJECT
from harness.subjects.char_mlp.fields import Fields
from harness.subjects.char_mlp.members import StackedMembers
from harness.subjects.char_mlp.stacked import StackedMLP
from harness.subjects.corpus import Corpus
from harness.subjects.items import ITEMS, unpack_items
from harness.subjects.subject import Array

SMALL = {"steps": 10, "depth": 1, "width": 5, "batch": 4}


def test_each_learning_rate_drops_at_its_share_of_the_steps(
    tiny: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = [
        Fields.model_validate(SMALL | {"lr": 0.5, "lr_drop": 0.1, "lr_drop_at": 0.75}),
        Fields.model_validate(SMALL | {"lr": 0.2, "lr_drop": 0.5, "lr_drop_at": 0.0}),
    ]
    rates: dict[int, list[float]] = {0: [], 1: []}
    advance = StackedMLP.advance

    def watched(stack: StackedMLP, k: int, x: Array, y: Array, rows: Array, lr: Array) -> Any:
        rates[k] += lr.tolist()
        return advance(stack, k, x, y, rows, lr)

    monkeypatch.setattr(StackedMLP, "advance", watched)
    members = StackedMembers(fields, [1, 1], tiny)
    for step in (0, 5):
        members.advance(step, np.zeros((5, 2, 4), np.int64), probe=False)
    assert rates[0] == pytest.approx([0.5] * 8 + [0.05] * 2)
    assert rates[1] == pytest.approx([0.1] * 10)


def test_members_that_stay_go_on_to_the_bit(tiny: Corpus) -> None:
    fields = [Fields.model_validate(SMALL | {"lr": lr, "momentum": mu})
              for lr, mu in ((0.1, 0.0), (0.2, 0.5), (0.3, 0.9))]  # fmt: skip
    rows = np.random.default_rng(0).integers(0, 50, (10, 3, 4))
    whole, rest = (StackedMembers(fields, [1, 2, 3], tiny) for _ in range(2))
    whole.advance(0, rows, probe=False)
    rest.advance(0, rows[:5], probe=False)
    rest.keep([2, 0])
    rest.advance(5, rows[5:][:, [2, 0]], probe=False)
    for place, member in enumerate([2, 0]):
        expected = whole.state(member)
        for name, array in rest.state(place).items():
            assert np.array_equal(array, expected[name]), name


def test_members_with_splits_of_their_own_are_as_they_would_be_alone(tiny: Corpus) -> None:
    fields = [Fields.model_validate(SMALL | {"split": split})
              for split in ("fixed", "by_seed", "by_seed")]  # fmt: skip
    seeds = [1, 1, 2]
    rows = np.random.default_rng(0).integers(0, 50, (10, 3, 4))
    whole = StackedMembers(fields, seeds, tiny)
    whole.advance(0, rows, probe=False)
    final = {series.name: series.values for series in whole.evaluate(10)}
    assert len({*final["final_dev_loss"].tolist()}) == 3
    for k in range(3):
        alone = StackedMembers([fields[k]], [seeds[k]], tiny)
        alone.advance(0, rows[:, [k]], probe=False)
        for series in alone.evaluate(10):
            assert np.array_equal(series.values[0], final[series.name][k], equal_nan=True)
        assert alone.files(0, "finished") == whole.files(k, "finished")
    whole.keep([2])
    alone = StackedMembers([fields[2]], [2], tiny, [whole.state(0)])
    assert alone.files(0, "finished") == whole.files(0, "finished")


def test_a_run_keeps_the_loss_of_each_word_that_it_was_not_trained_on(tiny: Corpus) -> None:
    fields = Fields.model_validate(SMALL | {"split": "by_seed"})
    members = StackedMembers([fields], [3], tiny)
    final = {series.name: series.values[0] for series in members.evaluate(10)}
    items = unpack_items(members.files(0, "finished")[ITEMS])
    assert set(items) == {"dev_loss", "test_loss"}
    for name, (means, sizes) in items.items():
        split = getattr(tiny.splits(3, seed=3), name.removesuffix("_loss"))
        assert len(means) == (split.Y == 0).sum()
        assert (means * sizes).sum() / sizes.sum() == pytest.approx(
            final[f"final_{name}"], rel=1e-6
        )
    assert ITEMS not in members.files(0, "diverged")


def test_compiling_is_announced_where_no_earlier_run_has_done_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    assert SUBJECT.preparation() > 0
    (tmp_path / "layers").mkdir()
    (tmp_path / "layers" / "steps.drive-1.py311.nbi").touch()
    assert SUBJECT.preparation() == 0


def test_the_cache_of_compiled_parts_is_found(tiny: Corpus) -> None:
    members = StackedMembers([Fields.model_validate(SMALL)], [1], tiny)
    members.advance(0, np.zeros((1, 1, 4), np.int64), probe=False)
    assert SUBJECT.preparation() == 0
