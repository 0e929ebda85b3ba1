"""The code of a level of one's own is part of a run's identity; the harness's own add nothing."""

import sys
from pathlib import Path

import pytest

from harness.errors import UserError
from harness.study.plan import run_key
from harness.subjects.char_mlp import SUBJECT, layers
from harness.subjects.char_mlp.fields import Fields
from harness.subjects.char_mlp.layers import ACTIVATIONS, NORMS, SHIPPED
from harness.subjects.corpus import Corpus

SWISH = '''"""Swish."""
from torch import sigmoid


class Textbook:
    def __call__(self, x):
        return x * sigmoid({slope} * x)  # the slope
'''


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a project has its own activations."""
    monkeypatch.chdir(tmp_path)
    own = tmp_path / "ablations" / "activations"
    own.mkdir(parents=True)
    return own


def key(**changes: str) -> str:
    layers.source.cache_clear()
    return run_key(SUBJECT, Fields().model_copy(update=changes), 1, "data")


def test_every_level_of_the_harness_is_covered_by_its_version() -> None:
    assert {*NORMS, *ACTIVATIONS} == SHIPPED
    for norm in NORMS:
        for activation in ACTIVATIONS:
            assert not SUBJECT.sources(Fields(norm=norm, activation=activation))


def test_a_change_of_an_activation_of_ones_own_makes_other_runs(folder: Path) -> None:
    (folder / "swish.py").write_text(SWISH.format(slope=1.0))
    before = key(activation="swish")
    (folder / "swish.py").write_text(SWISH.format(slope=1.0).replace("the slope", "its slope"))
    assert key(activation="swish") == before
    (folder / "swish.py").write_text(SWISH.format(slope=1.5))
    assert key(activation="swish") != before


LEVEL = """from harness.subjects.char_mlp.layers.activations import Activation


class Textbook(Activation):
    def __call__(self, x):
        self.out = x * x.sigmoid()
        return self.out
"""


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("def __call__(self, x):", "def __call__(self, x:",
         "{name}.py must run when it is imported; received {name}.py:5: def __call__(self, x:; "
         "SyntaxError: '(' was never closed. Fix it there."),
        ("from harness", "import no_such_module\nfrom harness",
         "{name}.py must run when it is imported; received {name}.py:1 in <module>: import "
         "no_such_module; ModuleNotFoundError: No module named 'no_such_module'. Fix it there."),
        ("x.sigmoid()", "x.sigmiod()",
         "{name}: a step of the network must run; received {name}.py:6 in __call__: self.out = x * "
         "x.sigmiod(); AttributeError: 'Tensor' object has no attribute 'sigmiod'. Fix it there."),
    ],
)  # fmt: skip
def test_a_broken_level_of_ones_own_is_found_before_training(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tiny: Corpus,
    before: str, after: str, message: str,
) -> None:  # fmt: skip
    # Python tells a file of one size and one second from another by nothing.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    name = f"own_{len(after)}"
    (folder / f"{name}.py").write_text(LEVEL)
    fields = Fields(depth=2, width=8).model_copy(update={"activation": name})
    assert list(SUBJECT.check(fields, tiny)) == [
        f"{name}: a step of the network in its textbook form"
    ]
    layers.source.cache_clear()
    layers._load.cache_clear()
    (folder / f"{name}.py").write_text(LEVEL.replace(before, after))
    with pytest.raises(UserError) as error:
        list(SUBJECT.check(fields, tiny))
    assert str(error.value) == message.format(name=name)


def test_a_level_of_ones_own_takes_no_name_of_the_harness(folder: Path) -> None:
    (folder / "tanh.py").write_text(LEVEL)
    with pytest.raises(UserError) as error:
        Fields(activation="relu")
    assert str(error.value) == (
        "a level of one's own must have a name that no level of the harness has; "
        f"received {folder / 'tanh.py'}. Rename the file."
    )


def test_levels_of_the_harness_are_not_tried(tiny: Corpus) -> None:
    assert not list(SUBJECT.check(Fields(), tiny))
