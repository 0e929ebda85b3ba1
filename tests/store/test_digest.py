"""A run's digest shows every change of what decides, and no other."""

from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Metric

from harness.store.digest import DECISIVE, digest_of, file_digests, hashed, is_changed
from tests.support.stores import children, undisturbed

PARAMS = {"norm": "batch", "seed": "1", "output_norm": ""}
TAGS = {name: f"its {name}" for name in DECISIVE}
METRICS = {"final/dev_loss": 2.1, "init/loss": 3.3, "last/batch_loss": 0.0, "train/loss": 2.0}
WHOLE = digest_of(PARAMS, TAGS, METRICS)


@pytest.mark.parametrize("name", DECISIVE)
def test_a_tag_that_decides_cannot_change_or_go(name: str) -> None:
    assert digest_of(PARAMS, TAGS | {name: "another"}, METRICS) != WHOLE
    assert digest_of(PARAMS, {k: v for k, v in TAGS.items() if k != name}, METRICS) != WHOLE


@pytest.mark.parametrize("name", ["final/dev_loss", "init/loss", "last/batch_loss"])
def test_a_response_cannot_change_by_one_bit_nor_go(name: str) -> None:
    assert digest_of(PARAMS, TAGS, METRICS | {name: METRICS[name] + 4.5e-16}) != WHOLE
    assert digest_of(PARAMS, TAGS, {k: v for k, v in METRICS.items() if k != name}) != WHOLE
    assert digest_of(PARAMS, TAGS, METRICS | {"final/more": 1.0}) != WHOLE


def test_a_param_cannot_change() -> None:
    assert digest_of(PARAMS | {"norm": "none"}, TAGS, METRICS) != WHOLE
    assert digest_of(PARAMS | {"more": "1"}, TAGS, METRICS) != WHOLE


def test_what_does_not_decide_may_change_and_stores_may_differ() -> None:
    other = METRICS | {"train/loss": 9.0, "mine": 1.0, "last/batch_loss": -0.0}
    params = {"seed": "1", "norm": "batch"}
    assert digest_of(params, TAGS | {"mlflow.note.content": "x", "variant": "y"}, other) == WHOLE


def test_every_run_that_ends_has_a_digest_that_fits(uri: str) -> None:
    undisturbed(uri)
    runs = children(uri)
    assert [is_changed(run) for run in runs] == [False] * len(runs)
    forged, old, *_ = runs
    client = MlflowClient(uri)
    client.log_batch(forged.info.run_id, [Metric("final/dev_loss", 0.5, 1, 1)])
    client.delete_tag(old.info.run_id, "digest")
    again = {run.info.run_id: is_changed(run) for run in children(uri)}
    assert (again[forged.info.run_id], again[old.info.run_id]) == (True, None)


def test_files_are_known_by_path_and_content_but_for_pictures(tmp_path: Path) -> None:
    for name in ("model/a", "layers/saturation.png", "images/init.png"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(b"x")
    assert file_digests(tmp_path) == f'{{"model/a": "{hashed(b"x")}"}}'
