"""What is drawn is what the CSVs say: coordinates are read back from the figures."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.scale import LogScale

from harness.analysis.frames import StudyData
from harness.analysis.grid import cell_label
from harness.report.canvas import scale_log
from harness.report.drawing import Drawing
from harness.report.facets import examples, facets
from harness.report.figures import drawings
from harness.report.focus import focus
from harness.report.logarithmic import Logarithmic
from harness.report.source import Source
from harness.report.style import COLOURS, settings
from harness.report.ticks import PlainTicks, focused
from harness.report.verdict_signs import MARKS
from tests.support import simulated
from tests.support.made_up import CORE, ONE_AT_A_TIME, SOME_LEFT_OUT, TWELVE_RATES, study

mpl.use("agg")

SWITCHES = """
question = "?"
seeds = 5
[factors]
norm = ["none", "batch"]
init = ["naive", "kaiming"]
[baseline]
norm = "batch"
init = "kaiming"
[bare]
norm = "none"
init = "naive"
"""
NAMES = [drawing.name for drawing in drawings(study(CORE))]


def figure(source: Source, name: str) -> Drawing:
    return next(drawing for drawing in drawings(source.study) if drawing.name == name)


@pytest.fixture(scope="module")
def source(core_report: Path) -> Source:
    return Source.load(core_report / "data")


def read(core_report: Path, name: str) -> pd.DataFrame:
    table = pd.read_csv(
        core_report / "data" / f"{name}.csv", keep_default_na=False, na_values=[""],
        dtype=dict.fromkeys(("norm", "init", "output_scale", "depth"), "str"),
    )  # fmt: skip
    cells = pd.read_csv(core_report / "data" / "cells.csv", dtype="str")
    if "cell" in table and table["cell"].dtype.kind == "i":
        cells["cell"] = cells["cell"].astype("int64")
        table = table.merge(cells, on="cell")
    return table


def drawn(source: Source, name: str) -> Any:
    """A figure; loosely typed, since matplotlib's types say little of what was drawn."""
    with settings():
        made = figure(source, name).draw(source)
    assert isinstance(made, Figure)
    return made


def lines(ax: Any, points: int) -> Iterator[tuple[str, str, np.ndarray, np.ndarray]]:
    """Colour, dashes or not, x and y of each line of so many points."""
    for line in ax.get_lines():
        if len(line.get_xdata()) == points and line.get_linestyle() != "None":
            style = "solid" if line.get_linestyle() == "-" else "dashed"
            yield (
                str(line.get_color()),
                style,
                np.array(line.get_xdata()),
                np.array(line.get_ydata()),
            )


@pytest.mark.parametrize(
    ("name", "table", "where", "x"),
    [
        ("dev_loss", "curves", "metric == 'eval/dev_loss'", "step"),
        ("saturation_init", "layers", "quantity == 'saturation' and when == 'init'", "layer"),
        ("saturation_final", "layers", "quantity == 'saturation' and when == 'final'", "layer"),
        ("gradient_last", "layers", "quantity == 'gradient_std' and when == 'last'", "layer"),
    ],
)
def test_lines_are_the_means_of_the_csv(
    core_report: Path, source: Source, name: str, table: str, where: str, x: str
) -> None:
    rows = read(core_report, table).query(where)
    axes = drawn(source, name).axes
    places = list(product(("1", "0.1"), ("1", "5", "10")))
    assert len(axes) == len(places)
    for ax, (scale, depth) in zip(axes, places, strict=True):
        title = ax.get_title(loc="left").replace("\n", " ")
        assert title == f"output_scale {scale}, depth {depth}"
        panel = rows[(rows["output_scale"] == scale) & (rows["depth"] == depth)]
        for i, norm in enumerate(("none", "batch")):
            for init, style in (("naive", "solid"), ("kaiming", "dashed")):
                cell = panel[(panel["norm"] == norm) & (panel["init"] == init)]
                matching = [
                    (xs, ys)
                    for colour, dashes, xs, ys in lines(ax, len(cell))
                    if (colour, dashes) == (COLOURS[i], style)
                ]
                assert len(matching) == 1
                np.testing.assert_array_equal(matching[0][0], cell[x])
                np.testing.assert_array_equal(matching[0][1], cell["mean"])


def test_effects_are_those_of_the_csv(core_report: Path, source: Source) -> None:
    effects = read(core_report, "effects")
    (ax,) = drawn(source, "effects").axes
    labels = [label.get_text() for label in ax.get_yticklabels()]
    main = {(row["factor"], row["level"], row["versus"]): row
            for _, row in effects[effects["kind"] == "main"].iterrows()}  # fmt: skip
    seen = 0
    for row, label in enumerate(labels):
        if label.startswith("with "):
            continue
        factor, _, pair = label.partition(": ")
        level, _, versus = pair.partition(" − ")
        effect = main[factor, level, versus]
        diamonds = [line for line in ax.get_lines() if line.get_marker() == "D"
                    and line.get_ydata()[0] == row]  # fmt: skip
        assert diamonds[0].get_xdata()[0] == pytest.approx(effect["estimate"], abs=1e-12)
        ends = np.concatenate([c.get_segments()[0] for c in ax.collections
                               if getattr(c, "get_segments", None)
                               and c.get_segments()[0][0][1] == row])  # fmt: skip
        assert sorted(ends[:, 0]) == pytest.approx([effect["low"], effect["high"]])
        seen += 1
    assert seen == len(main)


def test_seeds_are_those_of_the_csv(core_report: Path, source: Source) -> None:
    seeds = read(core_report, "effect_seeds")
    effects = read(core_report, "effects")
    (ax,) = drawn(source, "effects").axes
    dots = sorted(float(x) for line in ax.get_lines() if line.get_marker() == "."
                  for x in line.get_xdata())  # fmt: skip
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert len(dots) == 5 * len(labels)
    main = effects[effects["kind"] == "main"]
    for effect in main.to_dict("records"):
        name = f"{effect['factor']}: {effect['level']} − {effect['versus']}"
        row = labels.index(name)
        there = [x for line in ax.get_lines() if line.get_marker() == "."
                 for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)
                 if y == row]  # fmt: skip
        wanted = seeds.loc[seeds["id"] == effect["id"], "value"]
        assert sorted(there) == pytest.approx(sorted(wanted), abs=1e-12)


def test_cells_of_the_interaction_grid_are_those_of_the_csv(
    core_report: Path, source: Source
) -> None:
    means = read(core_report, "means").set_index("variant")
    axes = drawn(source, "interaction").axes
    for ax, scale in zip(axes, ("1", "0.1"), strict=True):
        for i, norm in enumerate(("none", "batch")):
            for init, style in (("naive", "solid"), ("kaiming", "dashed")):
                names = [f"{norm}, {init}, output_scale {scale}, depth {d}" for d in (1, 5, 10)]
                found = [ys for colour, dashes, _, ys in lines(ax, 3)
                         if (colour, dashes) == (COLOURS[i], style)]  # fmt: skip
                np.testing.assert_allclose(found[0], means.loc[names, "mean"], rtol=1e-12)


def test_runs_stand_above_their_level_in_the_column_of_their_colour(
    core_report: Path, source: Source
) -> None:
    runs = read(core_report, "runs")
    axes = drawn(source, "final_loss").axes
    levels = {"norm": ["none", "batch"], "init": ["naive", "kaiming"],
              "output_scale": ["1", "0.1"], "depth": ["1", "5", "10"]}  # fmt: skip
    for ax, (factor, names) in zip(axes, levels.items(), strict=True):
        assert [label.get_text() for label in ax.get_xticklabels()] == names
        points = np.concatenate([np.asarray(c.get_offsets()) for c in ax.collections
                                 if len(c.get_offsets()) > 1])  # fmt: skip
        for place, level in enumerate(names):
            for depth, column in (("1", -0.32), ("5", -0.12), ("10", 0.08)):
                at = place + (0 if factor == "depth" else column)
                there = points[np.isclose(points[:, 0], at)][:, 1]
                chosen = runs[factor].eq(level) & (runs["depth"].eq(depth) | (factor == "depth"))
                values = runs.loc[chosen, "final/dev_loss"]
                assert len(values)
                np.testing.assert_allclose(np.sort(there), np.sort(values), rtol=1e-12)


def test_attribution_is_that_of_the_csv(core_report: Path, source: Source) -> None:
    shares = read(core_report, "attribution")
    axes = drawn(source, "attribution").axes
    for ax, depth in zip(axes, (1, 5, 10), strict=True):
        assert ax.get_title(loc="left") == f"depth {depth}"
        for i, method in enumerate(("add-one-in", "shapley", "leave-one-out")):
            rows = shares[(shares["stratum"] == f"depth {depth}") & (shares["method"] == method)]
            found = [np.array(line.get_xdata()) for line in ax.get_lines()
                     if line.get_color() == COLOURS[i] and line.get_marker() in "os^"]  # fmt: skip
            np.testing.assert_allclose(found[0], rows["estimate"], rtol=1e-12)


def test_an_estimate_without_an_interval_hides_no_others() -> None:
    """Where norm is added alone, one seed is left; init added alone has all of them."""
    asked, noise = simulated.study(SWITCHES), simulated.noise(3)
    runs = simulated.runs_of(asked, noise)
    lost = (runs["norm"] == "batch") & (runs["init"] == "naive") & (runs["seed"] > 1)
    source = Source(simulated.data(asked, noise, runs=runs[~lost]))
    added = source.attribution.query("method == 'add-one-in'").set_index("factor")
    assert list(added["n"]) == [1, 5]
    (ax,) = drawn(source, "attribution").axes
    bars = [bar for drawn_bars in ax.collections for bar in drawn_bars.get_segments() if len(bar)]
    wanted = pytest.approx(list(added.loc["init", ["low", "high"]]))
    assert any(bar[:, 0].tolist() == wanted for bar in bars)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "shape",
    ["core", "four factors", "some diverged", "one at a time", "some left out", "tuned", "many"],
)
def test_no_panel_is_empty_and_no_words_overlap(
    shape: str, name: str, reports: Callable[[str], Path]
) -> None:
    source = sources(reports(shape))
    with settings():
        made: Any = figure(source, name).draw(source)
        if made is None:
            assert shape != "core" or name in ("tuning", "failures")
            return
        assert_legible(made)


def assert_legible(made: Any) -> None:
    """No plot is empty, and no words of the figure overlap or leave it."""
    FigureCanvasAgg(made).draw()
    boxes = []
    for ax in made.axes:
        assert ax.has_data() or ax.texts
        words = [*ax.get_xticklabels(), *ax.get_yticklabels(), ax.xaxis.label, ax.yaxis.label,
                 ax._left_title]  # fmt: skip
        boxes += [
            (word.get_text(), word.get_window_extent())
            for word in words
            if word.get_visible() and word.get_text() and in_view(ax, word)
        ]
    boxes += [(t.get_text(), t.get_window_extent())
              for legend in made.legends for t in legend.get_texts()]  # fmt: skip
    for i, (first, one) in enumerate(boxes):
        assert one.x0 >= -1
        assert one.y0 >= -1
        assert one.x1 <= made.bbox.x1 + 1
        for second, other in boxes[i + 1 :]:
            assert not one.padded(-1).overlaps(other.padded(-1)), (first, second)


def in_view(ax: Any, word: object) -> bool:
    """Whether a tick's label belongs to a tick within the axes' limits."""
    for axis, labels, limits in (
        (0, ax.get_xticklabels(), sorted(ax.get_xlim())),
        (1, ax.get_yticklabels(), sorted(ax.get_ylim())),
    ):
        if word in labels:
            shown = ax.xaxis if axis == 0 else ax.yaxis
            tick = shown.get_major_ticks()[labels.index(word)]
            on = tick.label1.get_visible()
            return bool(on and limits[0] <= tick.get_loc() <= limits[1])
    return True


@cache
def sources(folder: Path) -> Source:
    return Source.load(folder / "data")


@pytest.mark.parametrize("name", ["dev_loss", "train_loss", "saturation_final"])
def test_lines_of_reference_are_named_right_of_each_row_and_nowhere_else(
    source: Source, name: str
) -> None:
    made = drawn(source, name)
    canvas = FigureCanvasAgg(made)
    canvas.draw()
    ends = {round(ax.get_position().y0, 6): ax for ax in made.axes}  # the last of each row
    for ax in made.axes:
        assert bool(ax.texts) == (ax in ends.values())
        for text in ax.texts:
            box = text.get_window_extent(canvas.get_renderer())
            assert ax.bbox.x1 < box.x0 < box.x1 <= made.bbox.x1, text.get_text()


@pytest.mark.parametrize("span", [(2e-3, 5e-3), (2.1e-3, 2.6e-3), (1e-4, 1.0), (1, 300)])
def test_no_two_ticks_of_a_logarithmic_axis_say_the_same(span: tuple[float, float]) -> None:
    figure = Figure()
    ax = figure.subplots()
    ax.set_ylim(*span)
    scale_log(ax, "y")
    FigureCanvasAgg(figure).draw()
    texts = [label.get_text() for label in ax.yaxis.get_ticklabels()]
    values = [float(text.replace("−", "-")) for text in texts]
    assert len(set(texts)) == len(texts) > 1
    assert values == pytest.approx(ax.yaxis.get_ticklocs())


def test_a_logarithmic_axis_has_the_places_of_matplotlibs_own() -> None:
    """They differ in the last bits, in which matplotlib's depend on the machine."""
    values = np.geomspace(1e-8, 1e9, 500)
    axis = Figure().subplots().xaxis
    ours, theirs = Logarithmic(axis).get_transform(), LogScale(axis).get_transform()
    places = ours.transform(values)
    assert places == pytest.approx(theirs.transform(values), rel=1e-15, abs=1e-15)
    assert ours.inverted().transform(places) == pytest.approx(values, rel=1e-13)
    assert ours.inverted().transform(np.arange(-9, 9)).tolist() == [
        float(f"1e{power}") for power in range(-9, 9)
    ]
    assert ours.transform(np.array([0.0, -1.0])).tolist() == [-1000, -1000]


def test_every_variant_drawn_is_one_of_the_study(core: StudyData) -> None:
    variants = set(core.variants())
    shape = facets(core.study)
    labels = [cell_label(core.study, cell) for panel in shape.panels for cell, _ in panel.cells]
    assert sorted(labels) == sorted(variants)
    assert set(examples(core.study)) <= variants


@pytest.mark.parametrize("text", [ONE_AT_A_TIME, SOME_LEFT_OUT])
def test_every_variant_of_a_partial_grid_is_drawn_and_no_other(text: str) -> None:
    asked = study(text)
    variants = {cell_label(asked, cell) for cell in asked.cells()}
    panels = facets(asked).panels
    assert {cell_label(asked, cell) for panel in panels for cell, _ in panel.cells} == variants
    assert all(panel.cells for panel in panels)
    assert set(examples(asked)) <= variants


@pytest.mark.parametrize("shape", ["some left out"])
def test_means_by_level_are_of_the_combinations_that_every_level_has(
    shape: str, reports: Callable[[str], Path]
) -> None:
    folder = reports(shape)
    runs = pd.read_csv(
        folder / "data" / "runs.csv", keep_default_na=False, dtype={"lr": "str", "residual": "str"}
    )
    made = drawn(sources(folder), "final_loss")
    means, *_ = made.axes[0].containers[-1]
    same = runs["batch"].eq(8) & runs["residual"].eq("false")
    same |= runs["batch"].eq(32) & runs["residual"].eq("false") & runs["lr"].eq("0.1")
    wanted = runs[same].groupby("norm")["final/dev_loss"].mean()
    assert list(means.get_ydata()) == pytest.approx([wanted[n] for n in ("none", "batch", "layer")])


@pytest.mark.parametrize("shape", ["one at a time"])
def test_one_change_at_a_time_has_a_plot_a_factor_and_no_interactions(
    shape: str, reports: Callable[[str], Path]
) -> None:
    source = sources(reports(shape))
    titles = [ax.get_title(loc="left") for ax in drawn(source, "dev_loss").axes]
    assert titles == ["norm", "init", "output_scale", "depth"]
    with settings():
        assert figure(source, "interaction").draw(source) is None
    for ax, levels in zip(drawn(source, "final_loss").axes, (2, 2, 2, 3), strict=True):
        dots = [points.get_offsets() for points in ax.collections if len(points.get_offsets()) > 1]
        assert sum(map(len, dots)) == 5 * levels
    (legend,) = drawn(source, "attribution").legends
    keys = [text.get_text() for text in legend.get_texts()]
    assert keys == ["leave-one-out"]


def test_the_examples_are_the_baseline_each_single_change_and_the_bare_variant(
    core: StudyData,
) -> None:
    assert list(examples(core.study).values()) == [
        "baseline", "baseline with norm none", "baseline with init naive",
        "baseline with output_scale 1", "bare",
    ]  # fmt: skip


def test_the_answer_shows_each_claims_cells_interval_and_verdict(
    core_report: Path, source: Source
) -> None:
    claims = read(core_report, "claims").set_index("id")
    cells = read(core_report, "claim_cells")
    (ax,) = drawn(source, "answer").axes
    labels = [label.get_text().replace("\n", " ") for label in ax.get_yticklabels()]
    assert labels == ["Kaiming init lowers the final loss"]  # the other claim is about a share
    claim = claims.loc["kaiming-loss"]
    dots, bar = (line.get_xdata() for line in ax.get_lines()[1:])
    assert list(dots) == list(cells.loc[cells["id"] == "kaiming-loss", "estimate"])
    assert list(bar) == [claim["low"], claim["high"]]
    (text,) = (text.get_text() for text in ax.texts if "SUPPORTED" in text.get_text())
    assert text == "✓ SUPPORTED"
    assert "Shows 1 of 2 claims" in figure(source, "answer").caption(source)


def test_without_claims_the_answer_is_the_main_effects(reports: Callable[[str], Path]) -> None:
    folder = reports("one factor")
    effects = pd.read_csv(folder / "data" / "effects.csv")
    (ax,) = drawn(sources(folder), "answer").axes
    assert [label.get_text() for label in ax.get_yticklabels()] == ["norm: none − batch"]
    (dot,), (low, high) = (line.get_xdata() for line in ax.get_lines()[1:])
    main = effects[effects["kind"] == "main"].iloc[0]
    assert (dot, low, high) == (main["estimate"], main["low"], main["high"])


@pytest.mark.parametrize("shape", ["some diverged"])
def test_failures_are_those_of_the_csv(shape: str, reports: Callable[[str], Path]) -> None:
    folder = reports(shape)
    table = pd.read_csv(folder / "data" / "failures.csv").query("failed > 0")
    table = table.sort_values("share", ascending=False, kind="stable")
    (ax,) = drawn(sources(folder), "failures").axes
    assert [label.get_text() for label in ax.get_yticklabels()] == list(table["variant"])
    limits, failed, diverged = (line.get_xdata() for line in ax.get_lines())
    assert list(limits) == list(table["limit"])
    assert list(failed) == list(table["share"])
    drawn_at = (table["diverged"] / table["n"]).where(table["diverged"] > 0)
    np.testing.assert_array_equal(diverged, drawn_at)


def test_stability_shows_the_mark_of_every_word(core_report: Path, source: Source) -> None:
    table = read(core_report, "stability")
    (ax,) = drawn(source, "stability").axes
    assert [label.get_text() for label in ax.get_yticklabels()] == list(table["id"])
    shown = {text.get_position(): text.get_text() for text in ax.texts}
    for y, row in table.iterrows():
        assert shown[0, y] == MARKS[row["verdict"]]
        assert ((1, y) in shown) == (row["sign_flip"] in MARKS)


def test_the_heat_map_holds_the_means_of_the_csv(core_report: Path, source: Source) -> None:
    table = read(core_report, "probes")
    axes = drawn(source, "saturation_steps").axes
    steps, variants = sorted(table["step"].unique()), list(dict.fromkeys(table["variant"]))
    titles = [ax.get_title(loc="left").replace("\n", " ") for ax in axes]
    assert titles == [f"step {step:,}" for step in steps]
    assert [label.get_text() for label in axes[0].get_yticklabels()] == variants
    assert (steps[0], steps[-1], len(steps)) == (0, 1999, 6)
    for ax, step in zip(axes, steps, strict=True):
        (image,) = ax.images
        for y, variant in enumerate(variants):
            rows = table[(table["step"] == step) & (table["variant"] == variant)]
            there = np.ma.filled(image.get_array()[y].astype(float), np.nan)
            assert list(there[np.isfinite(there)]) == list(rows.sort_values("layer")["mean"])


def test_a_focus_holds_half_of_the_values_and_takes_most_of_the_axis() -> None:
    values = [*np.linspace(2.1, 2.2, 8), 3.0, 4.0, 5.0]
    found = focus(values)
    assert found is not None
    assert sum(found.low <= value <= found.high for value in values) >= len(values) / 2
    ax: Any = Figure().subplots()
    ax.set_ylim(2.0, 5.0)
    scale = focused(ax.yaxis, found).get_transform()
    places = scale.transform(np.array([2.0, found.low, found.high, 5.0]))
    assert list(places) == sorted(places)
    assert 0.4 < (places[2] - places[1]) / (places[3] - places[0]) < 0.7
    assert scale.inverted().transform(scale.transform(np.array(values))) == pytest.approx(values)
    assert focus(np.linspace(0, 1, 20)) is None
    assert focus([1.0, 1.0, 9.0]) is None
    assert focus([1.0] * 20) is None


def test_ticks_have_the_decimals_they_need_and_the_minus_sign() -> None:
    shares = PlainTicks("%").format_ticks([-0.025, 0.0, 0.05])
    assert shares == ["−2.5\u00a0%", "0.0\u00a0%", "5.0\u00a0%"]
    assert PlainTicks().format_ticks([2.0, 2.5]) == ["2.0", "2.5"]
    assert PlainTicks().format_ticks([-2e-5, 0.0, 2e-5]) == ["−2e−5", "0", "2e−5"]


@pytest.mark.parametrize("shape", ["many"])
def test_what_is_left_out_is_said(shape: str, reports: Callable[[str], Path]) -> None:
    source = sources(reports(shape))
    caption = figure(source, "dev_loss").caption(source)
    assert "Shows 40 of 60 variants: activation tanh or gelu." in caption
    panels = facets(source.study).panels
    assert len({cell_label(source.study, cell) for p in panels for cell, _ in p.cells}) == 40


def test_levels_of_one_factor_differ_in_look() -> None:
    (panel,) = facets(study(TWELVE_RATES)).panels
    looks = {(style.colour, style.marker, str(style.line)) for _, style in panel.cells}
    assert len(looks) == len(panel.cells) == 12


def test_panels_of_one_layer_are_narrow(source: Source) -> None:
    axes = drawn(source, "saturation_final").axes
    shallow, _, deep = (ax.get_position().width for ax in axes[:3])
    assert shallow < 0.5 * deep


def test_a_panel_whose_variants_have_no_runs_yet_stays_empty(core: StudyData) -> None:
    first = facets(core.study).panels[0]
    without = {cell_label(core.study, cell) for cell, _ in first.cells}
    layers = core.layers[~core.layers["variant"].isin(without)]
    made = drawn(Source(replace(core, layers=layers)), "saturation_init")
    low, high = made.axes[0].get_ylim()
    assert low < 0 < layers["mean"].where(layers["quantity"] == "saturation").max() <= high


def test_the_legend_names_only_what_is_drawn(core: StudyData) -> None:
    def texts(data: StudyData) -> set[str]:
        made = drawn(Source(data), "saturation_init")
        return {text.get_text() for legend in made.legends for text in legend.get_texts()}

    measured = {cell_label(core.study, cell) for cell in core.study.cells({"norm": ("batch",)})}
    layers = core.layers[core.layers["variant"].isin(measured)]
    assert texts(core) - texts(replace(core, layers=layers)) == {"none"}
