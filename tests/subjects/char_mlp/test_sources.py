"""The code of a level of one's own is part of a run's identity; the harness's own add nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.study.plan import run_key
from harness.subjects.char_mlp import SUBJECT, layers
from harness.subjects.char_mlp.fields import Fields
from harness.subjects.char_mlp.layers import ACTIVATIONS, NORMS, SHIPPED

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
