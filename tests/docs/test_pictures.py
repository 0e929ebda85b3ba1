"""`make pictures` makes all pictures that the pages show."""

from pathlib import Path

from benchmarks.machine import read_json, write_json
from docs.pictures import IMAGES, UI_PICTURES, of_reports, shown


def test_every_picture_has_a_maker_and_is_there() -> None:
    images = {IMAGES / name for name in ("ladder.png", *UI_PICTURES)}
    assert set(shown()) == images | set(of_reports())
    assert of_reports()
    assert [path for path in shown() if not path.exists()] == []
    assert [path for path in of_reports() if not (path.parents[1] / "data").is_dir()] == []


def test_the_ladder_s_numbers_are_read_as_written(tmp_path: Path) -> None:
    rows, machine = read_json(IMAGES / "bench.json")
    write_json(rows, machine, tmp_path / "bench.json")
    assert read_json(tmp_path / "bench.json") == (rows, machine)
    assert all(row.measured.median > 0 for row in rows)
