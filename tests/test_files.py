"""A file is written completely, or stays as it was."""

from pathlib import Path

import pytest

from harness.files import write_atomically


def test_a_file_is_created_with_its_folder_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file"
    write_atomically(path, b"old")
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]


def test_a_failure_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "taken" / "inside").mkdir(parents=True)
    with pytest.raises(OSError, match="taken"):
        write_atomically(tmp_path / "taken", b"a file cannot replace a folder")
    assert [entry.name for entry in tmp_path.iterdir()] == ["taken"]
