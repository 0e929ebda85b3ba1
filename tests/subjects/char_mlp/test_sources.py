"""The code of a level of one's own is part of a run's identity; the harness's own add nothing."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.errors import UserError
from harness.study.plan import run_key
from harness.subjects.char_mlp import SUBJECT, layers
from harness.subjects.char_mlp.fields import Fields
from harness.subjects.char_mlp.layers import ACTIVATIONS, NORMS, SHIPPED, activations
from harness.subjects.corpus import Corpus

SWISH = '''"""Swish."""
from torch import sigmoid


class Textbook:
    def __call__(self, x):
        return x * sigmoid({slope} * x)  # the slope
'''


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the activations lie."""
    monkeypatch.setattr(layers, "FOLDER", tmp_path)
    (tmp_path / "activations").mkdir()
    yield tmp_path / "activations"
    layers.source.cache_clear()


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
    monkeypatch.setattr(activations, "__path__", [str(folder)])
    # Python tells a file of one size and one second from another by nothing.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    name = f"own_{len(after)}"
    (folder / f"{name}.py").write_text(LEVEL)
    fields = Fields(depth=2, width=8).model_copy(update={"activation": name})
    assert list(SUBJECT.check(fields, tiny)) == [
        f"{name}: a step of the network in its textbook form"
    ]
    layers.source.cache_clear()
    sys.modules.pop(f"{activations.__name__}.{name}")
    (folder / f"{name}.py").write_text(LEVEL.replace(before, after))
    with pytest.raises(UserError) as error:
        list(SUBJECT.check(fields, tiny))
    assert str(error.value) == message.format(name=name)


def test_levels_of_the_harness_are_not_tried(tiny: Corpus) -> None:
    assert not list(SUBJECT.check(Fields(), tiny))
