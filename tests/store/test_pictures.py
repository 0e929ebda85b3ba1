"""Pictures of a run, as MLflow's pages look for them."""

import re
from pathlib import Path

import numpy as np
from mlflow import MlflowClient
from PIL import Image

from harness.store.digest import decisive_files
from harness.store.fetch import local_folder
from harness.store.pictures import BAR, BINS, CELL, LEFT, TOP, Histogram, bars, heat_map
from harness.store.rows import Run
from harness.subjects.trace import Entry
from tests.support.stores import children, grid, result, study, tracker

IMAGE = re.compile(r"images/(.+)\+step\+(\d+)\+timestamp\+\d+\+[\w-]+?(\+compressed)?\.\w+")


def stored(uri: str) -> list[tuple[Run, Path]]:
    """Runs of two seeds, with their folders."""
    with tracker(uri) as tracked:
        for run in (run for run in grid(study()) if run.variant.startswith("none")):
            tracked.deliver(result(run))
    found = [Run.of(run) for run in children(uri)]
    return [(run, folder) for run in found if (folder := local_folder(run))]


def test_images_have_the_names_that_mlflow_gives_them(uri: str) -> None:
    by_seed = {run.data.params["seed"]: (run, folder) for run, folder in stored(uri)}
    run, folder = by_seed["1"]
    names = [path.relative_to(folder).as_posix() for path in folder.glob("images/*")]
    kinds = {match[1] for name in names if (match := IMAGE.fullmatch(name))}
    assert "histograms~weights" in kinds
    assert all(IMAGE.fullmatch(name) for name in names)
    assert run.data.tags["mlflow.loggedImages"] == "True"
    _, other = by_seed["2"]
    assert not (other / "images").exists()

    client = MlflowClient(uri)
    client.log_image(run.info.run_id, np.zeros((4, 4)), key="histograms/mine", step=3)
    (mine,) = {path.name for path in folder.glob("images/*mine*.png")}
    assert IMAGE.fullmatch(f"images/{mine}")
    assert client.get_run(run.info.run_id).data.tags["mlflow.loggedImages"] == "True"


def test_pictures_decide_nothing(uri: str) -> None:
    for _, folder in stored(uri):
        assert (folder / "layers" / "saturation.png").exists()
        decisive = {name for name, _ in decisive_files(folder)}
        assert not [name for name in decisive if name.endswith(".png")]


def test_a_heat_map_has_a_row_a_layer_and_dark_means_much() -> None:
    entries = {step: Entry(np.array([0.0, share]), 1, ()) for step, share in ((0, 0.5), (9, 1.0))}
    pixels = np.asarray(heat_map("saturation", entries, share=True).convert("L"))
    cells = pixels[TOP + CELL // 2 :: CELL, LEFT + CELL // 2 :: CELL][:2, :2]
    assert cells[0].tolist() == [255, 255]
    assert cells[1, 1] < cells[1, 0] < 255


def test_a_bar_is_as_high_as_its_bin_is_full() -> None:
    counts = np.zeros(BINS)
    counts[3] = 10.0
    picture = bars("activations, step 0", [Histogram("layer 1", counts, 1.0)])
    assert isinstance(picture, Image.Image)
    row = np.asarray(picture.convert("L"))[TOP + 8, LEFT:]
    assert np.flatnonzero(row < 200).tolist() == list(range(3 * BAR, 4 * BAR))
