"""What a module's run keeps of each example that it was not trained on."""

from pathlib import Path

import numpy as np
import pytest
import torch

from harness.subjects.char_transformer import CharTransformer
from harness.subjects.char_transformer.data import WordData
from harness.subjects.char_transformer.fields import Fields
from harness.subjects.corpus import Corpus
from harness.subjects.items import ITEMS, unpack_items
from harness.subjects.torch import members
from harness.subjects.torch.members import TorchMembers, by_example
from harness.training.records import Checkpoint, Result
from harness.training.verify import retrain
from tests.subjects.torch.test_user_file import events, folder, plan

__all__ = ["folder"]


def test_losses_and_metrics_of_each_example_have_the_means_that_are_reported(folder: Path) -> None:
    asked = plan(folder)
    result = retrain(asked.runs[0], [], asked.subject, asked.data)
    items = unpack_items(result.files[ITEMS])
    assert set(items) == {f"{s}_{what}" for s in ("dev", "test") for what in ("loss", "near")}
    for name, (means, sizes) in items.items():
        assert sizes.tolist() == [1.0] * 50
        assert means.mean() == pytest.approx(float(result.trace.last(f"final_{name}")), rel=1e-6)


def test_a_run_that_resumes_after_its_last_evaluation_keeps_them_too(folder: Path) -> None:
    asked = plan(folder)
    run = asked.runs[0]
    run = type(run)(run.key, run.cell, run.fields.model_copy(update={"steps": 100}), run.seed)
    *_, last = [e for e in events(asked, [run], checkpoint_wanted=lambda: True)
                if isinstance(e, Checkpoint)]  # fmt: skip
    assert last.step == 100
    whole, resumed = (
        next(e for e in events(asked, [run], **options) if isinstance(e, Result))
        for options in ({}, {"resume": last})
    )
    assert resumed.files == whole.files


def test_splits_with_very_many_examples_are_left_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(members, "MOST_ITEMS", 49)
    asked = plan(folder)
    assert ITEMS not in retrain(asked.runs[0], [], asked.subject, asked.data).files


def test_words_of_the_transformer_are_its_items(tiny: Corpus) -> None:
    fields = Fields(steps=2, depth=1, width=8, heads=2, batch=4)
    (member,) = TorchMembers(CharTransformer(), [fields], [1], WordData(tiny), None).members
    found = member.evaluate("dev", items=True)
    means, sizes = member.items["dev_loss"]
    x, y = member.splits["dev"]
    assert sizes.tolist() == (y >= 0).sum(1).tolist()
    assert (means * sizes).sum() / sizes.sum() == pytest.approx(found["loss"], rel=1e-6)
    member.model.eval()
    with torch.no_grad():
        alone = member.subject.losses(member.model, (x[:1], y[:1])).mean()
    assert means[0] == pytest.approx(float(alone), rel=1e-5)


def test_values_are_told_apart_by_example_or_not_at_all() -> None:
    by_row = by_example(torch.tensor([[1.0, 3.0], [5.0, 7.0]]), 2, None)
    assert by_row is not None
    assert by_row.means.tolist() == [2.0, 6.0]
    assert by_row.sizes.tolist() == [2, 2]
    counted = torch.tensor([[True, False], [True, True]])
    flat = by_example(torch.tensor([4.0, 1.0, 2.0]), 2, counted)
    assert flat is not None
    assert np.array_equal(flat.means, [4.0, 1.5])
    assert np.array_equal(flat.sizes, [1, 2])
    assert by_example(torch.tensor([4.0, 1.0, 2.0]), 2, None) is None
    assert by_example(torch.tensor(4.0), 2, None) is None
