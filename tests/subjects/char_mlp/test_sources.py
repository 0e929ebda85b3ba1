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
        ("x * x.sigmoid()", "x.mul_(2)",
         "{name}: a step of the network must run; received {name}.py:6 in __call__: self.out = "
         "x.mul_(2); RuntimeError: a leaf Variable that requires grad is being used in an in-place "
         "operation.. Fix it there."),
        ("x * x.sigmoid()", "x[:, :1]",
         "{name}: a norm or an activation must give a tensor of its input's type and shape; "
         "received torch.float32 of shape (32, 1) for torch.float32 of shape (32, 8). Return one "
         "number for each that comes in."),
        ("x * x.sigmoid()", "x.double() * x",
         "{name}: a norm or an activation must give a tensor of its input's type and shape; "
         "received torch.float64 of shape (32, 8) for torch.float32 of shape (32, 8). Return one "
         "number for each that comes in."),
        ("x.sigmoid()", "x.new_tensor(1.0).uniform_()",
         "{name}: a norm or an activation must give the same for the same input; received another "
         "output in the second call. Draw no random numbers, and keep what changes in state()."),
        ("x * x.sigmoid()", "(x * x.sigmoid()).detach()",
         "{name}: a norm or an activation must have a gradient; received an output without one. "
         "Leave out detach() and no_grad()."),
        ("def __call__", "sloped = (1, float('nan'))\n\n    def __call__",
         "{name}: sloped must be a range and saturates true or false; received (1.0, nan) and "
         "False. Correct them."),
        ("def __call__", "state = None\n\n    def __call__",
         "{name}: a step of the network must run; received TypeError: 'NoneType' object is not "
         "callable. Fix it there."),
        ("def __call__", "def parameters(self):\n        return [self.w]\n\n    def __call__",
         "{name}: a step of the network must run; received {name}.py:6 in parameters: return "
         "[self.w]; AttributeError: 'Textbook' object has no attribute 'w'. Fix it there."),
        ("def __call__", "def parameters(self):\n        return [1.0]\n\n    def __call__",
         "{name}: a norm or an activation must have its parameters in its state; received others. "
         "Return them in state()."),
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
