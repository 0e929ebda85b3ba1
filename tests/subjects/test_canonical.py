"""Fields that are said to have no effect have none, to the last bit; all others have one."""

from pathlib import Path
from typing import Any

import pytest

from harness.study.plan import Run
from harness.subjects import find_subject
from harness.subjects.char_mlp import SUBJECT as MLP
from harness.subjects.char_transformer import SUBJECT as TRANSFORMER
from harness.subjects.char_transformer.data import WordData
from harness.subjects.corpus import Corpus
from harness.subjects.subject import Data, Subject
from harness.training.records import Result
from harness.training.verify import bit_differences, retrain
from tests.subjects.torch.test_compiled import OLD
from tests.subjects.torch.test_user_file import MODEL

Values = dict[str, Any]
SMALL: dict[str, Values] = {
    "mlp": {"steps": 12, "batch": 8, "depth": 2, "width": 6, "embedding": 2},  # 6 = 3 × 2
    "transformer": {"steps": 12, "batch": 8, "depth": 1, "width": 8, "heads": 2},
    "file": {"steps": 12, "batch": 8},
}
ADAM: Values = {"optimizer": "adam", "lr": 0.01, "weight_decay": 0.1}

# Two runs whose canonical fields are equal.
TWINS: list[tuple[str, Values, Values]] = [
    ("mlp", {"lr_drop": 1.0, "lr_drop_at": 0.25}, {"lr_drop": 1.0}),
    ("mlp", {"lr_drop_at": 1.0}, {"lr_drop_at": 1.0, "lr_drop": 0.5}),
    ("mlp", {"lr_drop_at": 0.95}, {"lr_drop": 1.0, "lr_drop_at": 0.0}),
    ("mlp", {"depth": 1, "width": 7}, {"depth": 1, "width": 7, "residual": True}),
    ("file", {"lr_drop": 1.0, "lr_drop_at": 0.25}, {"lr_drop": 1.0}),
    ("file", {"lr_drop_at": 1.0}, {"lr_drop_at": 1.0, "lr_drop": 0.5}),
    ("file", {"lr_drop_at": 0.95, "warmup": 5}, {"lr_drop": 1.0, "lr_drop_at": 0.0, "warmup": 5}),
    ("file", {"warmup": 1}, {}),
    ("file", {"momentum": 0.9}, {"momentum": 0.9, "beta1": 0.5, "beta2": 0.5}),
    ("file", ADAM | {"weight_decay": 0.0}, ADAM | {"weight_decay": 0.0, "optimizer": "adamw"}),
    ("transformer", {"attention": "uniform"}, {"attention": "uniform", "heads": 4}),
    ("transformer", {"attention": "none"}, {"attention": "none", "heads": 4}),
    ("transformer", {"attention": "none"}, {"attention": "none", "residual_init": "plain"}),
    ("transformer", {"residual": False}, {"residual": False, "residual_init": "plain"}),
    ("transformer", {"norm": "none"}, {"norm": "none", "norm_place": "post"}),
    ("transformer", {"norm": "none", "residual": False, "dropout": 0.1},
     {"norm": "none", "residual": False, "dropout": 0.1, "norm_place": "post"}),
    ("transformer", {"optimizer": "sgd"}, {"optimizer": "sgd", "beta2": 0.5}),
]  # fmt: skip

# A run, and what changes its numbers: every field, and what is close to having no effect.
APART: list[tuple[str, Values, Values]] = [
    ("mlp", {}, {"steps": 13}),
    ("mlp", {}, {"batch": 9}),
    ("mlp", {}, {"depth": 3}),
    ("mlp", {}, {"width": 7}),
    ("mlp", {}, {"context": 4}),
    ("mlp", {}, {"embedding": 3}),
    ("mlp", {}, {"norm": "layer"}),
    ("mlp", {}, {"output_norm": "none"}),
    ("mlp", {}, {"activation": "relu"}),
    ("mlp", {}, {"residual": True}),
    ("mlp", {"width": 7}, {"residual": True}),
    ("mlp", {"depth": 1}, {"residual": True}),
    ("mlp", {}, {"init": "naive"}),
    ("mlp", {}, {"gain": 2.0}),
    ("mlp", {}, {"output_scale": 1.0}),
    ("mlp", {}, {"train_words": 9}),
    ("mlp", {}, {"lr": 0.2}),
    ("mlp", {}, {"lr_drop": 0.5}),
    ("mlp", {}, {"lr_drop": 1.0}),
    ("mlp", {}, {"lr_drop_at": 0.5}),
    ("mlp", {}, {"split": "by_seed"}),
    ("mlp", {"lr_drop_at": 0.9}, {"lr_drop": 0.5}),
    ("mlp", {}, {"momentum": 0.5}),
    ("mlp", {}, {"weight_decay": 0.1}),
    ("file", {}, {"steps": 13}),
    ("file", {}, {"batch": 9}),
    ("file", {}, {"optimizer": "adam"}),
    ("file", ADAM, {"optimizer": "adamw"}),
    ("file", {}, {"lr": 0.2}),
    ("file", {}, {"warmup": 2}),
    ("file", {}, {"lr_drop": 0.5}),
    ("file", {}, {"lr_drop": 1.0}),
    ("file", {}, {"lr_drop_at": 0.5}),
    ("file", {"lr_drop_at": 0.9}, {"lr_drop": 0.5}),
    ("file", {}, {"momentum": 0.5}),
    ("file", {}, {"weight_decay": 0.1}),
    ("file", ADAM, {"beta1": 0.5}),
    ("file", ADAM, {"beta2": 0.5}),
    ("file", {}, {"grad_clip": 0.01}),
    ("file", {}, {"width": 7}),
    ("file", {}, {"activation": "relu"}),
    ("file", {}, {"norm": False}),
    ("file", {}, {"dropout": 0.1}),
    ("transformer", {}, {"depth": 2}),
    ("transformer", {}, {"width": 16}),
    ("transformer", {}, {"heads": 4}),
    ("transformer", {}, {"context": 17}),
    ("transformer", {}, {"attention": "uniform"}),
    ("transformer", {}, {"attention": "none"}),
    ("transformer", {}, {"positions": "none"}),
    ("transformer", {}, {"norm": "none"}),
    ("transformer", {}, {"norm_place": "post"}),
    ("transformer", {"norm": "rms"}, {"norm_place": "post"}),
    ("transformer", {}, {"residual": False}),
    ("transformer", {}, {"residual_init": "plain"}),
    ("transformer", {"attention": "none", "depth": 2}, {"residual_init": "plain"}),
    ("transformer", {}, {"activation": "relu"}),
    ("transformer", {}, {"output_scale": 1.0}),
    ("transformer", {}, {"dropout": 0.1}),
    ("transformer", {}, {"train_words": 9}),
    ("transformer", {}, {"beta2": 0.9}),
]


@pytest.fixture(scope="module")
def subjects(
    tiny: Corpus, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[Subject, Data]]:
    """What is trained, each on its data."""
    path = tmp_path_factory.mktemp("canonical") / "net.py"
    path.write_text(MODEL)
    file = find_subject(str(path))
    return {
        "mlp": (MLP, tiny),
        "transformer": (TRANSFORMER, WordData(tiny)),
        "file": (file, file.load(None, Path())),
    }


def trained(subject: Subject, data: Data, fields: Any) -> Result:
    return retrain(Run("key", {}, fields, 1), [], subject, data)


def same_bits(one: Result, other: Result) -> bool:
    """Whether two runs have the same weights, samples and measurements."""
    found = bit_differences("", one, other.files, other.trace.columns())
    return one.files == other.files and all(each.deviation == 0 for each in found)


@pytest.mark.parametrize(("name", "one", "other"), TWINS)
def test_runs_of_equal_canonical_fields_are_equal_to_the_bit(
    subjects: dict[str, tuple[Subject, Data]], name: str, one: Values, other: Values
) -> None:
    subject, data = subjects[name]
    fields = [subject.Fields.model_validate(SMALL[name] | values) for values in (one, other)]
    canonical = subject.canonical(fields[0])
    assert fields[0] != fields[1]
    assert subject.canonical(fields[1]) == canonical == subject.canonical(canonical)
    results = [trained(subject, data, each) for each in (*fields, canonical)]
    assert same_bits(results[0], results[1])
    assert same_bits(results[0], results[2])


@pytest.mark.parametrize(("name", "base", "change"), APART)
def test_fields_that_change_a_number_are_not_said_to_have_no_effect(
    subjects: dict[str, tuple[Subject, Data]], name: str, base: Values, change: Values
) -> None:
    subject, data = subjects[name]
    one, other = (
        subject.Fields.model_validate(SMALL[name] | base | values) for values in ({}, change)
    )
    assert subject.canonical(one) != subject.canonical(other)
    assert not same_bits(trained(subject, data, one), trained(subject, data, other))


@pytest.mark.parametrize("name", SMALL)
def test_every_field_of_a_subject_is_tried(
    subjects: dict[str, tuple[Subject, Data]], name: str
) -> None:
    names = [name, "file"] if name == "transformer" else [name]
    tried = {field for of, _, change in APART if of in names for field in change}
    assert subjects[name][0].Fields.model_fields.keys() - tried <= {"compile"}


def test_a_compiled_run_has_other_bits_and_other_canonical_fields(
    subjects: dict[str, tuple[Subject, Data]],
) -> None:
    subject, _ = subjects["file"]
    plain, compiled = subject.Fields(), subject.Fields.model_validate({"compile": True})
    assert subject.canonical(plain) != subject.canonical(compiled)


@pytest.mark.service
@OLD
@pytest.mark.parametrize(("name", "one", "other"), [twin for twin in TWINS if twin[0] == "file"])
def test_compiled_runs_of_equal_canonical_fields_are_equal_to_the_bit(
    subjects: dict[str, tuple[Subject, Data]], name: str, one: Values, other: Values
) -> None:
    subject, data = subjects[name]
    alike = [
        subject.Fields.model_validate(SMALL[name] | values | {"compile": True})
        for values in (one, other)
    ]
    results = [trained(subject, data, fields) for fields in alike]
    assert same_bits(*results)


def test_a_subject_that_declares_nothing_has_fields_that_all_matter() -> None:
    line = find_subject("tests.support.linear")
    fields = line.Fields()
    assert line.canonical(fields) == fields
