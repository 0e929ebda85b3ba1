"""The page on notebooks, whose code is run, and the names that are public."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import harness
import harness.cli.session
from harness import Results, UserError
from harness.report.figures import drawings
from tests.conftest import TINY
from tests.store.conftest import template
from tests.support.inprocess import InlineEngine
from tests.support.made_up import ONE_FACTOR, RATES, made_up

__all__ = ["template"]

PAGE = Path(__file__).parents[2] / "docs" / "notebook.md"


@pytest.fixture(scope="module")
def results() -> Results:
    return Results(made_up(RATES))


@pytest.fixture(scope="module")
def cells(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The names that the page's code binds, run from top to bottom in a folder of its own."""
    folder = tmp_path_factory.mktemp("notebook")
    shutil.copy(template, folder / "mlflow.db")
    (folder / "words.txt").write_text("\n".join(TINY.split()))
    bound: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        patched.setenv("ABLATE_DATA", "words.txt")
        patched.delenv("MLFLOW_TRACKING_URI", raising=False)
        patched.setattr(harness.cli.session, "LocalEngine", lambda _: InlineEngine())
        for code in re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL):
            exec(code, bound)  # noqa: S102 - the page's own
        yield bound


def test_the_code_on_the_page_does_what_it_says(cells: dict[str, Any]) -> None:
    results = cells["results"]
    assert isinstance(results, Results)
    assert repr(results) == "<Results of smoke: 12 of 12 runs ended, 1 claim>"
    assert set(results.study.seeds) == {1, 2, 3}
    assert len(cells["losses"]) == 12
    assert cells["losses"]["value"].notna().all()
    assert isinstance(cells["figure"], Figure)
    assert Path("by_norm.pdf").stat().st_size > 1000


def test_loading_a_study_whose_file_has_changed_warns(cells: dict[str, Any]) -> None:
    text = files("harness").joinpath("ablations", "smoke.toml").read_text("utf-8")
    Path("smoke.toml").write_text(text.replace("Kaiming init lowers", "Kaiming init betters"))
    with pytest.warns(UserWarning, match="smoke has changed since its last run, in: claims; "):
        changed = harness.load("smoke.toml", seeds=3)
    assert len(changed.runs) == len(cells["results"].runs)
    assert changed.claims["says"].tolist() == ["Kaiming init betters the final loss"]


@pytest.mark.usefixtures("cells")
def test_what_is_asked_for_wrongly_is_refused_as_on_the_command_line() -> None:
    with pytest.raises(UserError, match=r"received 'smok'\. Did you mean 'smoke'\?"):
        harness.load("smok")
    with pytest.raises(UserError, match=r"a whole number, or several of them; received 2\.0\. "):
        harness.load("smoke", seeds=2.0)  # type: ignore[arg-type]
    assert len(harness.load("smoke", seeds=np.int64(3)).runs) == 12  # type: ignore[arg-type]


def test_the_page_names_every_frame_and_public_name() -> None:
    text = PAGE.read_text("utf-8")
    frames = [name for name, member in vars(Results).items()
              if not name.startswith("_") and name not in ("study", "data", "attribution")
              and not isinstance(member, str)]  # fmt: skip
    assert [name for name in frames if f"results.{name}" not in text] == []
    assert [name for name in harness.__all__ if f"`{name}`" not in text] == []


def test_public_names_have_docstrings_and_are_found_by_dir() -> None:
    for name in harness.__all__:
        assert getattr(harness, name).__doc__, name
        assert name in dir(harness)
    for name, member in vars(Results).items():
        if not name.startswith("_") and name != "data":
            assert member.__doc__, name
    with pytest.raises(AttributeError, match="module 'harness' has no attribute 'nothing'"):
        _ = harness.nothing


def test_importing_the_package_loads_nothing_of_it() -> None:
    code = "import sys, harness; print(*(name for name in sys.modules if 'harness.' in name))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_frames_are_those_of_the_report(results: Results) -> None:
    claims = results._source.claims
    pd.testing.assert_frame_equal(results.claims, claims)
    assert results.verdicts == dict(zip(claims["id"], claims["verdict"], strict=True))
    cells = results.cells.set_index("variant")
    assert list(cells.columns) == ["norm", "lr", "mean", "low", "high", "n"]
    assert list(cells.loc["none, lr 0.3", ["norm", "lr", "n"]]) == ["none", "0.3", 3]
    means = results.runs.groupby("variant")["final/dev_loss"].mean()
    assert cells["mean"].to_dict() == pytest.approx(means.to_dict(), rel=1e-12)


def test_the_tidy_frame_has_a_row_per_run_and_response(results: Results) -> None:
    frame = results.tidy()
    assert len(frame) == 30 * len(results.study.model.responses)
    measured = frame[frame["response"] == "final/dev_loss"]
    assert list(measured["value"]) == list(results.runs["final/dev_loss"])
    assert list(frame.columns) == ["norm", "lr", "variant", "seed", "outcome", "run_id",
                                   "response", "value"]  # fmt: skip


def test_a_figure_is_one_of_matplotlib_with_the_data_of_the_study(results: Results) -> None:
    assert results.figures == [drawing.name for drawing in drawings(results.study)]
    figure = results.figure("final_loss")
    assert isinstance(figure, Figure)
    dots = [np.asarray(dots.get_offsets()) for ax in figure.axes for dots in ax.collections]
    assert set(np.concatenate(dots)[:, 1]) >= set(results.runs["final/dev_loss"])


def test_figures_that_are_not_there_or_empty_are_refused(results: Results) -> None:
    with pytest.raises(UserError) as refused:
        results.figure("efects")
    assert str(refused.value) == (
        "a figure must have a name from the report; received 'efects'. Did you mean 'effects'?"
    )
    with pytest.raises(UserError) as refused:
        Results(made_up(ONE_FACTOR)).figure("interaction")
    assert str(refused.value) == (
        "a figure needs data to show; received study 'made-up', which has none for 'interaction'. "
        "`figures` has the names of all figures."
    )


def test_runs_that_cannot_be_compared_have_no_effects() -> None:
    data = made_up(ONE_FACTOR)
    data.trained.loc[0, "changed"] = "yes"
    refused = Results(data)
    for name in ("effects", "claims", "verdicts", "attribution"):
        with pytest.raises(UserError, match="runs must be comparable"):
            getattr(refused, name)
    assert len(refused.runs) == 6
    assert (refused.findings["severity"] == "refuse").any()
