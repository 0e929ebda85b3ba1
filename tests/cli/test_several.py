"""Several studies side by side: `ablate compare` and `ablate ui`."""

from pathlib import Path

import pytest

from harness.errors import UserError
from tests.cli.test_looks import call, place, template, trained

__all__ = ["place", "template", "trained"]

ONE = """
question = "Does a line need an intercept?"
subject = "tests.support.linear"
seeds = 4
[fixed]
batch = 8
steps = 300
[factors]
intercept = [false, true]
lr = [0.1, 0.3]
[baseline]
intercept = true
lr = 0.1
[[claims]]
id = "intercept-helps"
says = "An intercept lowers the error"
kind = "difference"
factor = "intercept"
level = true
versus = false
"""
OTHER = (
    ONE.replace("batch = 8", "batch = 16")
    .replace("lr = [0.1, 0.3]", "lr = [0.3, 0.5]")
    .replace("lr = 0.1\n[[", "lr = 0.3\n[[")
)

MLP = """
question = "?"
data = "embedded"
seeds = 2
[fixed]
steps = 5
depth = 1
width = 4
[factors]
lr = [0.1, 0.3]
[baseline]
lr = 0.1
"""


@pytest.fixture
def both(place: Path, trained: list[tuple[str, int]]) -> Path:  # noqa: ARG001
    """A folder with two studies that share a rate, both trained."""
    (place / "small.toml").write_text(ONE)
    (place / "large.toml").write_text(OTHER)
    for name in ("small.toml", "large.toml"):
        call("run", name)
    return place


@pytest.mark.usefixtures("template", "both")
def test_studies_are_compared_where_their_factors_line_up() -> None:
    said = call("compare", "small.toml", "large.toml")
    assert "batch: small 8; large 16" in said
    assert "compared at lr 0.3" in said
    assert "final/error, mean ± half its 95 % interval:" in said
    assert "large − small, 95 % interval" in said
    rows = [line.split() for line in said.splitlines()]
    places = [row for row in rows if row[:1] == ["intercept"]]
    assert [row[:2] for row in places] == [["intercept", "false"], ["intercept", "true"]]
    assert ["intercept-helps", "SUPPORTED", "SUPPORTED"] in rows


@pytest.mark.usefixtures("template", "both")
def test_studies_and_variants_are_not_mixed() -> None:
    with pytest.raises(UserError) as refused:
        call("compare", "small.toml", "large.toml", "intercept=false")
    assert str(refused.value) == (
        "compare takes two variants of a study, or two or more studies; "
        "received small.toml large.toml intercept=false. "
        "Write ablate compare STUDY A B, or ablate compare STUDY STUDY."
    )


@pytest.mark.usefixtures("template")
def test_studies_of_different_subjects_are_not_compared(both: Path) -> None:
    (both / "mlp.toml").write_text(MLP)
    call("run", "mlp.toml")
    with pytest.raises(UserError) as refused:
        call("compare", "small.toml", "mlp.toml")
    assert str(refused.value) == (
        "studies to compare must have the same subject; "
        "received tests.support.linear, char_mlp. Compare studies of the same subject."
    )


@pytest.mark.usefixtures("template")
def test_studies_of_one_name_in_two_folders_are_told_apart(both: Path) -> None:
    for folder, text in (("one", ONE), ("two", OTHER)):
        (both / folder).mkdir()
        (both / folder / "s.toml").write_text(text)
        call("run", f"{folder}/s.toml")
    said = call("compare", "one/s.toml", "two/s.toml")
    assert "batch: one/s.toml 8; two/s.toml 16" in said
    rows = [line.split() for line in said.splitlines()]
    assert ["claim", "one/s.toml", "two/s.toml"] in rows
    assert ["intercept-helps", "SUPPORTED", "SUPPORTED"] in rows
    with pytest.raises(UserError) as refused:
        call("compare", "one/s.toml", "one/s.toml")
    assert str(refused.value) == (
        "studies to compare must be different ones; received one/s.toml, one/s.toml. "
        "Name each of them once."
    )
