"""Layers and weights with names are aligned by them over variants whose modules differ."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harness.analysis.frames import StudyData
from harness.report import build
from harness.report.drawing import Drawing
from harness.report.figures import drawings
from harness.report.names import (
    LONGEST,
    MOST_LABELS,
    NameTicks,
    merged,
    ordered_names,
    short_names,
    shortened,
    without_shared_end,
)
from harness.report.share import MOST_NAMED, shareable
from harness.report.source import Source
from harness.report.style import COLOURS, settings
from tests.report import another, modules
from tests.report.test_figures import assert_legible, lines

ORDERS = st.lists(st.lists(st.sampled_from("abcdefgh"), unique=True), max_size=5)
SUBSETS = st.permutations(range(8)).flatmap(
    lambda whole: st.lists(st.sets(st.sampled_from(whole)).map(
        lambda some: [str(i) for i in whole if i in some]), max_size=5)
)  # fmt: skip


@given(SUBSETS)
def test_every_order_is_kept_where_they_agree(orders: list[list[str]]) -> None:
    found = merged(orders)
    for order in orders:
        assert all(found.index(one) < found.index(next_) for one, next_ in pairwise(order))


@given(ORDERS)
def test_every_name_comes_once_and_the_first_order_is_kept(orders: list[list[str]]) -> None:
    found = merged(orders)
    assert sorted(found) == sorted({name for order in orders for name in order})
    assert merged([found]) == merged([*orders, *orders]) == found
    for order in orders[:1]:
        assert [name for name in found if name in order] == order


def test_names_that_stand_in_no_order_are_mixed_by_depth() -> None:
    assert merged([["a1", "a2", "end"], ["b1", "b2", "end"]]) == ["a1", "b1", "a2", "b2", "end"]
    assert merged([["norm", "mix"], ["mix", "norm"]]) == ["norm", "mix"]  # norms before or after
    assert merged([["0.a", "1.b", "out"], ["0.a", "0.c", "0.d", "0.e"]]) == [
        "0.a", "0.c", "0.d", "0.e", "1.b", "out",
    ]  # fmt: skip
    assert merged([["a", "a", "b"]]) == ["a", "b"]
    assert merged([]) == []


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("0.norm", "0.norm"),
        ("blocks.1.attention", "blocks.1.attention"),
        ("transformer.blocks.11.attention", "t.blocks.11.attention"),
        ("encoder.layers.3.attention.norm", "e.l.3.attention.norm"),
        ("a_module_with_quite_a_long_name", "a_module_with_quite_a…"),
    ],
)
def test_long_names_keep_their_numbers_and_their_last_part(name: str, label: str) -> None:
    assert shortened(name) == label
    assert len(label) <= LONGEST


@given(st.lists(st.text("ab.", min_size=1, max_size=60), unique=True))
@example(["..", "aaaaaaaaaaaaaaaaaaaaa.."])
def test_labels_differ_where_names_do(names: list[str]) -> None:
    labels, ends = short_names(names), without_shared_end(names)
    for label, name, end in zip(labels, names, ends, strict=True):
        assert label in (shortened(name), shortened(end), name)
    assert len(set(labels)) == len(labels)


@pytest.mark.parametrize("count", [1, 2, 5, 19, 20, 21, 40, 200])
@pytest.mark.parametrize("width", [1.5, 6.0])
def test_at_most_so_many_names_are_labelled(count: int, width: float) -> None:
    ticks = NameTicks.of([f"blocks.{i}.act" for i in range(count)], width)
    assert 1 <= len(ticks.labels) <= MOST_LABELS
    assert ticks.labels[0] == "blocks.0.act"


def figure(data: StudyData, name: str) -> tuple[Drawing, Any]:
    """A figure of the study, and what was drawn."""
    drawing = next(one for one in drawings(data.study) if one.name == name)
    with settings():
        return drawing, drawing.draw(Source(data))


@pytest.mark.parametrize("blocks", [1, 4])
def test_points_stand_over_their_names_as_in_the_csv(tmp_path: Path, blocks: int) -> None:
    build(modules.study_data(blocks), tmp_path)
    data = StudyData.load(tmp_path / "data")
    drawing, made = figure(data, "heat")
    parts = ("self_attention", "attention_norm", "mlp.act")
    inside = [f"transformer.blocks.{i}.{part}" for i in range(blocks) for part in parts]
    whole = ["embed", *inside, "head"]
    (ax,) = made.axes
    assert [label.get_text() for label in ax.get_xticklabels()] == short_names(whole)
    rows = data.layers[(data.layers["quantity"] == "heat") & (data.layers["when"] == "last")]
    for variant, cell in rows.groupby("variant"):
        normed, fast = "intercept true" in str(variant), "lr 0.2" in str(variant)
        style = COLOURS[normed], "dashed" if fast else "solid"
        (xs, ys), = [(xs, ys) for colour, dashes, xs, ys in lines(ax, len(cell))
                     if (colour, dashes) == style]  # fmt: skip
        drawn = {whole[int(x)]: y for x, y in zip(xs, ys, strict=True)}
        assert drawn == dict(zip(cell["name"], cell["mean"], strict=True))
        assert any("norm" in name for name in drawn) == normed
        assert list(xs) == sorted(xs)
    alt = drawing.alt(Source(data))
    least = rows.sort_values("mean").iloc[0]
    assert f"({least['variant']}, {least['name']})" in alt
    assert "layer" not in alt
    assert "in the order of the forward pass" in drawing.caption(Source(data))


def test_weights_are_named_in_the_legend_and_keep_their_colour_over_variants() -> None:
    data = modules.study_data(1)
    drawing, made = figure(data, "pace")
    rows = data.weights[data.weights["quantity"] == "pace"]
    texts = [text.get_text() for one in made.legends for text in one.get_texts()]
    names = ordered_names(rows, "weight")
    assert texts == short_names([name.removesuffix(".weight") for name in names])
    handles = [line for one in made.legends for line in one.get_lines()]
    colours = {line.get_color(): name for line, name in zip(handles, names, strict=True)}
    assert len(colours) == len(names)
    variants = [f"intercept {i}, lr {lr}" for i, lr in
                (("true", 0.1), ("false", 0.1), ("true", 0.2), ("false", 0.2))]  # fmt: skip
    for ax, variant in zip(made.axes, variants, strict=True):
        drawn = {colours[colour]: list(ys) for colour, style, _, ys in lines(ax, 3)
                 if style == "solid" and colour in colours}  # fmt: skip
        mine = rows[rows["variant"] == variant].sort_values("step")
        assert drawn == {name: list(each["mean"]) for name, each in mine.groupby("name")}
    assert "(head.weight)" in drawing.alt(Source(data))


@pytest.mark.parametrize("name", ["heat", "pace"])
@pytest.mark.parametrize("blocks", [0, 1, 5, 14])
@pytest.mark.parametrize("text", [another.STUDY, modules.RATES])
def test_no_names_overlap(name: str, blocks: int, text: str) -> None:
    _, made = figure(shareable(modules.study_data(blocks, text)), name)
    with settings():
        assert_legible(made)


def test_reports_keep_more_layers_where_they_have_names() -> None:
    data = modules.study_data(20)
    kept = shareable(data).layers.groupby("variant")["name"].nunique()
    assert set(kept) == {MOST_NAMED}
    assert shareable(modules.study_data(4)).layers.equals(modules.study_data(4).layers)
